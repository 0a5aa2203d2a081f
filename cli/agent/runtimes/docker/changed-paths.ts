import type { FileChange } from "./engine-types";

/** Trees that programs may write to, or that the engine itself fills, without that being a change of what runs. */
const IGNORED_TREES = ["/tmp", "/var/tmp", "/run", "/var/run", "/var/log", "/var/cache", "/dev", "/proc", "/sys"];
/** Files that the engine writes into every container. */
const IGNORED_FILES = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv", "/.containerenv"];
const DELETED = 2;

/** How many paths travel; the count says how many there are. */
export const MAX_REPORTED_PATHS = 20;

/**
 * What was changed in a container's writable layer after its start, outside the ignored paths.
 * A directory is listed as modified because of what is in it, so the parents of anything listed, of mounts and of
 * ignored paths are left out. `mounts` are destinations inside the container.
 */
export function filterChanges(changes: readonly FileChange[], mounts: readonly string[]): { count: number; paths: string[] } {
  const trees = [...IGNORED_TREES, ...mounts.map((mount) => mount.replace(/\/+$/, "")).filter((mount) => mount !== "")];
  const parents = new Set<string>();
  for (const path of [...trees, ...IGNORED_FILES, ...changes.map((change) => change.Path)]) {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) parents.add(path.slice(0, slash));
  }
  const kept = changes
    .filter(({ Path: path, Kind: kind }) => {
      if (IGNORED_FILES.includes(path)) return false;
      if (trees.some((tree) => path === tree || path.startsWith(`${tree}/`))) return false;
      // An added parent shows by what it holds; only a deletion says something by itself.
      return kind === DELETED || !parents.has(path);
    })
    .map((change) => change.Path)
    .sort();
  return { count: kept.length, paths: kept.slice(0, MAX_REPORTED_PATHS) };
}
