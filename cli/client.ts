import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { Problem } from "@/lib/contract/problem";

/** Ends the program with a message for people and an exit code for scripts. */
export class CliError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

export type ClientOptions = { url?: string; token?: string };

/** Gives every command below this one (or itself) the options of `createClient` and `--json`. */
export function addClientOptions(command: Command): void {
  for (const sub of command.commands) addClientOptions(sub);
  if (command.commands.length > 0) return;
  command.option("--url <url>", "the server (default: PLUMBLINE_URL, else http://127.0.0.1:4600)").option("--token <token>", "an API token (default: PLUMBLINE_TOKEN)").option("--json", "print JSON");
}

/** Exit codes that scripts can rely on; 2 is drift. */
export const EXIT = { ok: 0, failed: 1, drift: 2, refused: 3, unreachable: 4 } as const;

export type Client = {
  url: string;
  get<T>(path: string, query?: Record<string, string | number | undefined>): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  /** The raw response, for streams; already checked to be 2xx. */
  open(path: string): Promise<Response>;
};

/** The folder of a local installation: PLUMBLINE_DATA or `.plumbline` here. */
export function dataFolder(option?: string): string {
  return resolve(option ?? process.env["PLUMBLINE_DATA"] ?? ".plumbline");
}

/** What a first start wrote: the set-up link and a first token. Null when there is none or it cannot be read. */
export function readSetupFile(data: string): { url?: string; link?: string; token?: string } | null {
  const file = join(data, "setup.json");
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as { url?: string; link?: string; token?: string };
  } catch {
    return null;
  }
}

/**
 * A client of the public API: `--url`/PLUMBLINE_URL (default http://127.0.0.1:4600), `--token`/PLUMBLINE_TOKEN.
 * @throws CliError with the server's own words and an exit code: 3 refused, 4 unreachable
 */
export function createClient(options: ClientOptions): Client {
  const url = (options.url ?? process.env["PLUMBLINE_URL"] ?? "http://127.0.0.1:4600").replace(/\/$/, "");
  const token = options.token ?? process.env["PLUMBLINE_TOKEN"];
  const send = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const headers: Record<string, string> = { accept: "application/json", "user-agent": "plumbline-cli" };
    if (token) headers["authorization"] = `Bearer ${token}`;
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      if (method === "POST") headers["idempotency-key"] = randomUUID();
    }
    let response: Response;
    try {
      response = await fetch(`${url}${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), redirect: "error" });
    } catch (error) {
      throw new CliError(`Plumbline at ${url} does not answer (${reasonOf(error)}). Set PLUMBLINE_URL to where it runs.`, EXIT.unreachable);
    }
    if (response.ok) return response;
    throw await refusal(response, Boolean(token));
  };
  const json = async <T>(response: Response): Promise<T> => (response.status === 204 ? null : await response.json()) as T;
  return {
    url,
    get: async <T>(path: string, query: Record<string, string | number | undefined> = {}) => {
      const search = new URLSearchParams();
      for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
      return json<T>(await send("GET", `/api/v1/${path}${search.size > 0 ? `?${search}` : ""}`));
    },
    post: async <T>(path: string, body: unknown) => json<T>(await send("POST", `/api/v1/${path}`, body)),
    put: async <T>(path: string, body: unknown) => json<T>(await send("PUT", `/api/v1/${path}`, body)),
    open: (path) => send("GET", `/api/v1/${path}`),
  };
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

async function refusal(response: Response, hadToken: boolean): Promise<CliError> {
  const problem = (await response.json().catch(() => null)) as Partial<Problem> | null;
  if (response.status === 401 && !hadToken) return new CliError("Not signed in: set PLUMBLINE_TOKEN (plumbline token create, or the first one in .plumbline/setup.json).", EXIT.refused);
  const lines = [problem?.detail ?? `The server answered ${response.status}.`];
  for (const field of problem?.fields ?? []) lines.push(`  ${field.path}: ${field.message}`);
  for (const reason of problem?.reasons ?? []) if (reason.sentence !== problem?.detail) lines.push(`  ${reason.reason}: ${reason.sentence}`);
  for (const change of problem?.changed ?? []) lines.push(`  changed: ${change}`);
  if (problem?.requestId) lines.push(`  request ${problem.requestId}`);
  return new CliError(lines.join("\n"), response.status >= 500 ? EXIT.failed : EXIT.refused);
}
