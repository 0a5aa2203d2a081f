import { connect, type Socket } from "node:net";

export type Answer = { status: number; body: string };
/** One keep-alive connection: one request at a time. */
export type Connection = { post(path: string, token: string, body: string): Promise<Answer>; close(): void };

/**
 * HTTP/1.1 with as little of a client as possible: it shares the machine with the server it measures, and its own cost
 * would hide differences. Answers must have a Content-Length, as those to agents do.
 */
export async function openConnection(url: string): Promise<Connection> {
  const { hostname, port, host } = new URL(url);
  const socket = await dial(Number(port), hostname);
  let received = Buffer.alloc(0);
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | null = null;
  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = null;
  };
  socket.on("data", (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const answer = readAnswer(received);
    if (!answer) return;
    received = Buffer.alloc(0);
    waiting?.resolve(answer);
    waiting = null;
  });
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("the server closed the connection")));
  return {
    post: (path, token, body) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error("the server closed the connection"));
        waiting = { resolve, reject };
        socket.write(`POST ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      }),
    close: () => socket.destroy(),
  };
}

function dial(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, noDelay: true }, () => resolve(socket));
    socket.once("error", reject);
  });
}

function readAnswer(bytes: Buffer): Answer | null {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) return null;
  const head = bytes.toString("latin1", 0, end);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without Content-Length: ${head}`);
  const from = end + 4;
  if (bytes.length < from + Number(length)) return null;
  return { status: Number(head.slice(9, 12)), body: bytes.toString("utf8", from, from + Number(length)) };
}
