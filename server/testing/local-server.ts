import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Received = { method: string; url: string; headers: IncomingMessage["headers"]; body: string };
export type LocalServer = {
  url: string;
  received: Received[];
  /** How the next requests are answered; 200 and `{}` until told otherwise. */
  answer: (listener: (request: Received, response: ServerResponse) => void) => void;
  close: () => Promise<void>;
};

/** A real HTTP server on the loopback, for what Plumbline sends to other systems. */
export async function startLocalServer(): Promise<LocalServer> {
  const received: Received[] = [];
  let respond = (_: Received, response: ServerResponse): void => void response.writeHead(200, { "content-type": "application/json" }).end("{}");
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const one = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body: Buffer.concat(parts).toString("utf8") };
      received.push(one);
      respond(one, response);
    });
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    answer: (next) => {
      respond = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
