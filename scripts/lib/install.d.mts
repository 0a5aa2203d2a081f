type Wanted = { packages: Record<string, { version?: string; optional?: boolean; integrity?: string; optionalDependencies?: Record<string, string> }> };
type Installed = { packages: Record<string, { version?: string; integrity?: string }> };

export function isSatisfied(wanted: Wanted | undefined, installed: Installed | undefined): boolean;
export function findMissingOptional(lock: Wanted): string[];
