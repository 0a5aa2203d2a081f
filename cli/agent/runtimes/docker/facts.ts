import { GENERATION_LABEL } from "./carry-over";
import type { ContainerState, InspectedContainer } from "./engine-types";

const ASIDE = /\.plumbline-old-\d+$/;

/** The name that an old container carries while its successor is tried. */
export function asideName(name: string, generation: number): string {
  return `${name.replace(ASIDE, "")}.plumbline-old-${generation}`;
}

/** Whether a name is one of `asideName`. */
export function isAside(name: string): boolean {
  return ASIDE.test(name);
}

/** The name that a container has or had before it was set aside. */
export function ownName(name: string): string {
  return name.replace(/^\//, "").replace(ASIDE, "");
}

/** Compose's `project/service`, else the container's name. All that `compose run` starts of a service is one target of its own. */
export function targetKey(name: string, labels: Record<string, string>): string {
  const project = labels["com.docker.compose.project"];
  const service = labels["com.docker.compose.service"];
  if (!project || !service) return ownName(name);
  return isOneOff(labels) ? `${project}/${service}/run` : `${project}/${service}`;
}

/** Whether `compose run` started it: beside the service's copies, for one command. */
export function isOneOff(labels: Record<string, string>): boolean {
  return labels["com.docker.compose.oneoff"]?.toLowerCase() === "true";
}

/** The labels that say whose a workload is; no others travel. */
export function allowedLabels(labels: Record<string, string>): Record<string, string> {
  const plain = ["app.kubernetes.io/name", "com.docker.compose.project", "com.docker.compose.service", "org.opencontainers.image.version", "org.opencontainers.image.revision"];
  const allowed = Object.keys(labels)
    .filter((key) => plain.includes(key) || (key.startsWith("plumbline.") && key !== GENERATION_LABEL && key !== "plumbline.replacing"))
    .filter((key) => key.length <= 200)
    .sort((a, b) => Number(b.startsWith("plumbline.")) - Number(a.startsWith("plumbline.")) || (a < b ? -1 : 1))
    .slice(0, 16);
  return Object.fromEntries(allowed.map((key) => [key, (labels[key] ?? "").slice(0, 500)]));
}

/** Who makes this container and would make it again: an orchestrator, or the unit in its label. null when nobody does. */
export function makerOf(labels: Record<string, string>): { tool: "swarm" | "kubernetes" | "systemd"; name: string } | null {
  const swarm = labels["com.docker.swarm.service.name"];
  if (swarm) return { tool: "swarm", name: swarm };
  const pod = labels["io.kubernetes.pod.name"];
  if (pod) return { tool: "kubernetes", name: pod };
  const unit = labels.PODMAN_SYSTEMD_UNIT;
  return unit ? { tool: "systemd", name: unit } : null;
}

/** Why this container cannot be replaced by the agent, or null. `dependents` share its network namespace. */
export function whyNotReplaceable(container: InspectedContainer, labels: Record<string, string>, dependents: readonly string[], podOf: string | null): string | null {
  const maker = makerOf(labels);
  if (maker) return maker.tool === "systemd" ? `the systemd unit ${maker.name} makes this container` : `${maker.tool} makes and replaces this container`;
  if (podOf !== null) return `it belongs to the pod ${podOf}`;
  if (dependents.length > 0) return `other containers share its network: ${dependents.slice(0, 5).join(", ")}`;
  if (labels["io.podman.compose.project"] && container.HostConfig.NetworkMode?.startsWith("container:")) return "it belongs to a pod";
  return null;
}

/** Whether its process still runs. While Podman stops a container it says "stopping" and not running, for as long as the process takes. */
export function isRunning(state: ContainerState): boolean {
  return state.Running === true || state.Status === "stopping";
}

export function instanceState(state: ContainerState): "starting" | "running" | "waiting" | "exited" {
  if (state.Restarting || state.Status === "restarting") return "starting";
  if (state.Paused || state.Status === "paused") return "waiting";
  if (isRunning(state)) return state.Health?.Status === "starting" ? "starting" : "running";
  return state.Status === "created" || state.Status === "initialized" || state.Status === "configured" ? "waiting" : "exited";
}

export function instanceHealth(state: ContainerState): "healthy" | "unhealthy" | "unknown" {
  const status = isRunning(state) ? state.Health?.Status : undefined;
  return status === "healthy" || status === "unhealthy" ? status : "unknown";
}

/** An engine's time as RFC 3339 with milliseconds; null for its "never" (year 1). */
export function engineTime(text: string | undefined): string | null {
  const ms = text ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) || ms <= 0 ? null : new Date(ms).toISOString();
}
