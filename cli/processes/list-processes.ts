import { isAlive, listTargets, readStarted, readTarget, runningDigest } from "./process-store";

/**
 * One JSON line per target, as `parseListing` of the exec runtime reads it. What cannot be read becomes a line that is
 * no listing, so that the agent names it instead of missing it.
 */
export function listProcesses(root: string): string[] {
  return listTargets(root).map((name) => {
    try {
      return JSON.stringify(listOne(root, name));
    } catch (error) {
      return `# ${name}: ${(error instanceof Error ? error.message : String(error)).replaceAll("\n", " ")}`;
    }
  });
}

function listOne(root: string, name: string): object {
  const target = readTarget(root, name);
  const base = { target: name, service: target.service, component: target.component, labels: target.labels, desired: 1 };
  const started = readStarted(root, name);
  if (!started) return { ...base, state: "none", desired: 0 };
  const shared = { ...base, instance: `${name}/${started.pid}-${started.startTime}`.replaceAll(/\s+/g, "-"), digest: started.digest, declared: started.digest, startedAt: started.startedAt, pid: started.pid };
  if (!isAlive(started)) return { ...shared, state: "exited" };
  const actual = runningDigest(root, started);
  const path = actual.path.slice(root.length).replace(/^\/+/, "");
  return { ...shared, state: "running", mutated: actual.digest === started.digest ? { count: 0, paths: [] } : { count: 1, paths: [path] } };
}
