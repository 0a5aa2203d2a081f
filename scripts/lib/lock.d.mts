export type Holder = { pid: number; since: string; startId?: string; released?: boolean };
export type Attempt = { release: () => void; holder?: undefined } | { holder: Holder; release?: undefined };

export function tryLock(directory: string, options?: { about?: Record<string, unknown> }): Attempt;
export function withLock<T>(directory: string, work: () => Promise<T>, options?: { onWait?: (holder: Holder) => void; signal?: AbortSignal }): Promise<T>;
