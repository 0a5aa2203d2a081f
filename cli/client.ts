import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { Problem } from "@/lib/contract/problem";

/** Ends the program with a message for people and an exit code for scripts; without one: what was asked cannot be understood or read. */
export class CliError extends Error {
  readonly exitCode: number;
  /** What the server said, word for word, when it was the server that refused. */
  readonly problem: Partial<Problem> | null;
  constructor(message: string, exitCode: number = EXIT.usage, problem: Partial<Problem> | null = null) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

/** How long an answer may take; only a stream may take longer. */
const ANSWER_MS = 60_000;

export type ClientOptions = { url?: string; token?: string };

/** Gives every command below this one (or itself) the options of `createClient` and `--json`. */
export function addClientOptions(command: Command): void {
  for (const sub of command.commands) addClientOptions(sub);
  if (command.commands.length > 0) return;
  command.option("--url <url>", "the server (default: PLUMBLINE_URL, else http://127.0.0.1:4600)").option("--token <token>", "an API token (default: PLUMBLINE_TOKEN)").option("--json", "print JSON");
}

/**
 * Exit codes that scripts can rely on. `person`: somebody has to say go, or to resume, and nobody was to be waited for.
 * 64 is EX_USAGE of sysexits.h, 124 is what timeout(1) answers, 130 and 143 are a shell's own for SIGINT and SIGTERM.
 */
export const EXIT = { ok: 0, failed: 1, drift: 2, refused: 3, unreachable: 4, person: 5, usage: 64, timeout: 124, interrupted: 130, terminated: 143 } as const;

type Query = Record<string, string | number | undefined>;

export type Client = {
  url: string;
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T>;
  /** `idempotencyKey`: the server carries out a request with the same key and body once, and gives the same answer again. */
  post<T>(path: string, body: unknown, options?: { idempotencyKey?: string }): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  patch<T>(path: string, body: unknown): Promise<T>;
  delete<T>(path: string): Promise<T>;
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
  const send = async (method: string, path: string, body?: unknown, { key, signal = AbortSignal.timeout(ANSWER_MS) }: { key?: string; signal?: AbortSignal | null } = {}): Promise<Response> => {
    const headers: Record<string, string> = { accept: "application/json", "user-agent": "plumbline-cli" };
    if (token) headers["authorization"] = `Bearer ${token}`;
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      if (method === "POST") headers["idempotency-key"] = key ?? randomUUID();
    }
    let response: Response;
    try {
      response = await fetch(`${url}${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), redirect: "error", signal });
    } catch (error) {
      throw new CliError(`Plumbline at ${url} does not answer (${reasonOf(error)}). Set PLUMBLINE_URL to where it runs.`, EXIT.unreachable);
    }
    if (response.ok) return response;
    throw await refusal(response, Boolean(token));
  };
  const json = async <T>(response: Response): Promise<T> => {
    try {
      return (response.status === 204 ? null : await response.json()) as T;
    } catch (error) {
      throw new CliError(`The answer of Plumbline at ${url} broke off (${reasonOf(error)}).`, EXIT.unreachable);
    }
  };
  return {
    url,
    get: async <T>(path: string, query: Query = {}, signal?: AbortSignal) => {
      const search = new URLSearchParams();
      for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
      return json<T>(await send("GET", `/api/v1/${path}${search.size > 0 ? `?${search}` : ""}`, undefined, signal ? { signal } : {}));
    },
    post: async <T>(path: string, body: unknown, { idempotencyKey }: { idempotencyKey?: string } = {}) => json<T>(await send("POST", `/api/v1/${path}`, body, idempotencyKey === undefined ? {} : { key: idempotencyKey })),
    put: async <T>(path: string, body: unknown) => json<T>(await send("PUT", `/api/v1/${path}`, body)),
    patch: async <T>(path: string, body: unknown) => json<T>(await send("PATCH", `/api/v1/${path}`, body)),
    delete: async <T>(path: string) => json<T>(await send("DELETE", `/api/v1/${path}`)),
    open: (path) => send("GET", `/api/v1/${path}`, undefined, { signal: null }),
  };
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

async function refusal(response: Response, hadToken: boolean): Promise<CliError> {
  const problem = (await response.json().catch(() => null)) as Partial<Problem> | null;
  if (response.status === 401 && !hadToken) return new CliError("Not signed in: set PLUMBLINE_TOKEN (plumbline token create, or the first one in .plumbline/setup.json).", EXIT.refused, problem);
  const lines = [problem?.detail ?? `The server answered ${response.status}.`];
  for (const field of problem?.fields ?? []) lines.push(`  ${field.path}: ${field.message}`);
  for (const reason of problem?.reasons ?? []) if (reason.sentence !== problem?.detail) lines.push(`  ${reason.reason}: ${reason.sentence}`);
  for (const change of problem?.changed ?? []) lines.push(`  changed: ${change}`);
  if (problem?.requestId) lines.push(`  request ${problem.requestId}`);
  return new CliError(lines.join("\n"), exitCodeOf(response.status), problem);
}

/** 502 to 504 are a server that is not there for the moment, whoever says so. */
function exitCodeOf(status: number): number {
  if (status >= 502 && status <= 504) return EXIT.unreachable;
  return status >= 500 ? EXIT.failed : EXIT.refused;
}
