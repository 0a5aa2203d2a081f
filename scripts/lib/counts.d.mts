export type Counts = { passed: number; failed: number; skipped: number };

export function one(ok: boolean): Counts;
export function add(left: Counts, right: Counts): Counts;
export function countVitest(report: object | undefined, exitedWell: boolean): Counts;
export function countPlaywright(report: object | undefined, exitedWell: boolean): Counts;
export function summarise(counts: Counts): string;
