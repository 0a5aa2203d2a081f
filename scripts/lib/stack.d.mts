/** What `<data>/setup.json` holds while nobody has an account; the web process writes it. */
export type Setup = { link: string | null; token: string; expiresAt: string };

export type StackOptions = {
  /** Its data folder. Without one: a temporary folder and a database without fsync, both removed by `stop`. */
  dataDir?: string;
  /** Default 127.0.0.1. */
  host?: string;
  /** 0 or absent: any free one. */
  port?: number;
  /** Public origin. Default http://<host>:<port>. */
  url?: string;
  demo?: boolean;
  /** More environment for web, worker and `supervise`d processes. */
  env?: NodeJS.ProcessEnv;
  /** An own PostgreSQL instead of the embedded one, and the connection that may migrate it if that is another. */
  databaseUrl?: string;
  migrateUrl?: string;
  /** Server settings of the embedded PostgreSQL that differ from the defaults. */
  databaseSettings?: Record<string, string>;
  /** "files" (default): output goes to <data>/logs/<name>.log; "inherit": to this terminal. */
  output?: "files" | "inherit";
  log?: (line: string) => void;
  /** Stops the start, wherever it is. */
  signal?: AbortSignal;
  /** Called before anything starts, for whoever has to end it in between. */
  onCreate?: (stack: Stack) => void;
  /** What happens once the data folder and the port are ours. Default: builds what changed. */
  prepare?: () => Promise<void>;
};

export type Stack = {
  readonly url: string;
  readonly port: number;
  /** Connection as plumbline_app. */
  readonly databaseUrl: string;
  /** Connection as the owner of the schema. */
  readonly ownerUrl: string;
  readonly dataDir: string;
  readonly setup: Setup | undefined;
  /** "web", "worker", "postgres" and what was `supervise`d; undefined while one is between two lives. */
  readonly pids: Record<string, number | undefined>;
  /** One more web process on the same database and data folder, as behind a balancer; ready when this returns. */
  addWeb(name?: string): Promise<{ readonly url: string; readonly port: number; stop(): Promise<void> }>;
  /** Runs one more Node.js process (arguments as for `node`) for as long as the stack lasts. */
  supervise(name: string, args: string[], options?: { database?: boolean; env?: NodeJS.ProcessEnv }): { readonly pid: number | undefined; stop(): Promise<void> };
  /** Stops everything in order. Safe to call twice. */
  stop(): Promise<void>;
};

/**
 * Starts a whole Plumbline (database, migrations, web, worker) and returns when GET /api/health/ready answers 200.
 * Crashed processes start again by themselves. Throws an Error whose message tells a person what to do.
 */
export function startStack(options?: StackOptions): Promise<Stack>;
