export function hashSources(base: string, sources: string[]): string;
