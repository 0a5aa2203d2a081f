export function restartDelayMs(crashes: number): number;
