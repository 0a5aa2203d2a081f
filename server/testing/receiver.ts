import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";

export type Received = { path: string; headers: IncomingHttpHeaders; body: string };
export type Receiver = {
  /** `http://127.0.0.1:<port>` */
  url: string;
  host: string;
  received: Received[];
  /** Resolves when so many requests have arrived. */
  arrived: (count: number) => Promise<void>;
  close: () => Promise<void>;
};

/** A real HTTP server on loopback that notes what arrives and answers as it is told; without an answer it hangs. */
export async function startReceiver(answer: (request: Received, response: ServerResponse) => void): Promise<Receiver> {
  const received: Received[] = [];
  const waiting: { count: number; done: () => void }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const one = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(parts).toString("utf8") };
      received.push(one);
      for (const { count, done } of waiting) if (received.length >= count) done();
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  const host = `127.0.0.1:${address.port}`;
  return {
    url: `http://${host}`,
    host,
    received,
    arrived: (count) => new Promise((resolve) => (received.length >= count ? resolve() : void waiting.push({ count, done: resolve }))),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
