export type Counts = { passed: number; failed: number; skipped: number };

export function one(ok: boolean): Counts;
export function add(left: Counts, right: Counts): Counts;
export function countVitest(report: object | undefined, exitedWell: boolean): Counts;
export function countPlaywright(report: object | undefined, exitedWell: boolean): Counts;
export function summarise(counts: Counts): string;

export type FailedTest = { name: string; why: string[] };

export function failuresOfVitest(report: object | undefined): FailedTest[];
export function failuresOfPlaywright(report: object | undefined): FailedTest[];
export function describeFailures(failures: FailedTest[]): string;
