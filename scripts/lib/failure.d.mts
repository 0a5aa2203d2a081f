export class Failure extends Error {}

export function isNodeNewEnough(version: string): boolean;
export function describeError(error: unknown): string;
