import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { ACCEPTS, type InventoryResponse } from "@/lib/contract/agent";
import { readConfig } from "@/server/config";
import { toResponse, type Answer, type IncomingCall } from "@/server/http/call";
import { createLog } from "@/server/log";

export type ParsingServer = { url: string; stop(): void };

/** What the server under test would answer, from the body alone. */
function answerTo(text: string): string {
  const { seq } = JSON.parse(text) as { seq: number };
  const answer: InventoryResponse = { accepted: true, duplicate: false, seq, desiredVersion: 0, accepts: { ...ACCEPTS } };
  return JSON.stringify(answer);
}

/**
 * Serves a handler that reads a report, parses its JSON and answers, nothing else; in a process of its own. `listener`: behind
 * the product's own listener, as every route is; `bare`: straight on node:http.
 * @param bench the module that exports `serveParsing`, itself bundled
 */
export async function startParsingServer(bench: string, kind: "listener" | "bare"): Promise<ParsingServer> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", `await (await import(${JSON.stringify(bench)})).serveParsing(${JSON.stringify(kind)})`], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return { url: `http://127.0.0.1:${port.toString()}`, stop: () => void child.kill() };
}

/** The other process's part. */
export async function serveParsing(kind: "listener" | "bare"): Promise<void> {
  const say = (port: number): void => void process.stdout.write(String(port));
  if (kind === "listener") {
    const { startListener } = await import("@/server/http/listen");
    const config = { ...readConfig({ DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none" }), port: 0 };
    const answer = async ({ body }: IncomingCall): Promise<Answer> => ({ status: 200, headers: [["content-type", "application/json"]], body: answerTo(body instanceof Uint8Array ? Buffer.from(body).toString("utf8") : "") });
    const handler = async (request: Request): Promise<Response> => toResponse(await answer(request));
    const spec = { verb: "bench.parse", auth: "none" as const, run: () => Promise.resolve(null) };
    const { port } = await startListener({ config, log: createLog("bench", "silent") }, { agentRoutes: [{ method: "POST", path: "/api/agent/v1/inventory", handler: Object.assign(handler, { spec, answer }) }], next: () => Promise.resolve() });
    return say(port);
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const answer = answerTo(Buffer.concat(chunks).toString("utf8"));
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(answer) }).end(answer);
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    say(typeof address === "object" && address ? address.port : 0);
  });
}
