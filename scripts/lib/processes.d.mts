export type Known = { pid: number; startId?: string };

export function processStartId(pid: number): string | undefined;
export function startIdFromStat(stat: string, boot: string): string | undefined;
export function self(): Known;
export function isRunning(known: Known | undefined): boolean;
