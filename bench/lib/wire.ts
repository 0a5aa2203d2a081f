import { connect, type Socket } from "node:net";

export type Answer = { status: number; body: string };
/** One keep-alive connection: one request at a time. */
export type Connection = { post(path: string, token: string, body: string): Promise<Answer>; get(path: string, token: string): Promise<Answer>; close(): void };

/**
 * HTTP/1.1 with as little of a client as possible: it shares the machine with the server it measures, and its own cost
 * would hide differences. Answers must have a Content-Length, as those to agents do, or be without a body.
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
  const send = (request: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(new Error("the server closed the connection"));
      waiting = { resolve, reject };
      socket.write(request);
    });
  return {
    post: (path, token, body) => send(`POST ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`),
    get: (path, token) => send(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\n\r\n`),
    close: () => socket.destroy(),
  };
}

/** So many connections for any number of senders; each request takes one that is free. Broken ones are made anew. */
export type Pool = { use<T>(work: (connection: Connection) => Promise<T>): Promise<T>; close(): void };

export function openPool(url: string, size: number): Pool {
  const free: (Connection | null)[] = Array.from({ length: size }, () => null);
  const queue: ((slot: Connection | null) => void)[] = [];
  const all = new Set<Connection>();
  const give = (slot: Connection | null): void => {
    const next = queue.shift();
    if (next) next(slot);
    else free.push(slot);
  };
  return {
    use: async (work) => {
      const slot = free.length > 0 ? (free.pop() ?? null) : await new Promise<Connection | null>((resolve) => queue.push(resolve));
      let connection = slot;
      try {
        if (!connection) all.add((connection = await openConnection(url)));
        const result = await work(connection);
        give(connection);
        return result;
      } catch (error) {
        if (connection) all.delete(connection);
        connection?.close();
        give(null);
        throw error;
      }
    },
    close: () => {
      for (const connection of all) connection.close();
    },
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
  const status = Number(head.slice(9, 12));
  if (status === 204) return { status, body: "" };
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without Content-Length: ${head}`);
  const from = end + 4;
  if (bytes.length < from + Number(length)) return null;
  return { status, body: bytes.toString("utf8", from, from + Number(length)) };
}
