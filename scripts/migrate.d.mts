export type Migration = { name: string; sql: string; checksum: string };
export type AppliedMigration = { migration_name: string; checksum: string; finished_at: Date | null; rolled_back_at: Date | null; logs: string | null };

export function readMigrations(directory?: string): Migration[];
export function planMigrations(files: Migration[], rows: AppliedMigration[]): Migration[];
export function needsOwnTransaction(sql: string): boolean;
/** Brings a database up to date and returns the names of what was applied. Throws an Error with the fix in words. */
export function migrate(options: { url: string; directory?: string; log?: (line: string) => void }): Promise<string[]>;
