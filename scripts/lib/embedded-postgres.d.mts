export type EmbeddedDatabase = {
  readonly port: number;
  readonly pid: number | undefined;
  url(role?: "owner" | "app" | "verifier", database?: string): string;
  /** Gives plumbline_app and plumbline_verifier their logins; after migrating. */
  openRoles(): Promise<void>;
  stop(): Promise<void>;
  removeFiles(): void;
};

/** A PostgreSQL of its own in a temporary folder, without fsync unless `settings` says otherwise; empty, not migrated. */
export function startThrowawayDatabase(options?: { settings?: Record<string, string>; log?: (line: string) => void }): Promise<EmbeddedDatabase>;

export function parsePostmasterPid(text: string): { pid: number; pgData: string } | undefined;
export function servesFolder(command: string, pgData: string): boolean;
