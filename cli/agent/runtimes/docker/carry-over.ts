import type { Endpoint, HostConfig, InspectedContainer, InspectedImage, RunConfig } from "./engine-types";

/** Labels of a replacement in progress: they are the agent's, not the workload's, and are never carried over. */
export const REPLACES_LABEL = "plumbline.replacing";
export const GENERATION_LABEL = "plumbline.generation";

export interface CreationPlan {
  name: string;
  /** The body of `POST /containers/create`. */
  body: RunConfig & { HostConfig: HostConfig; NetworkingConfig: { EndpointsConfig: Record<string, Endpoint> } };
  /** Networks to join after creation: engines before API 1.44 take only one in the creation itself. */
  connect: { network: string; endpoint: Endpoint }[];
}

/**
 * How to create the successor of `old`: what differs from the *old* image's defaults is the operator's and is kept; the
 * rest comes from the new image. `image` is what to create from (a repository by digest, or an image id).
 */
export function planCreation(input: { old: InspectedContainer; oldImage: InspectedImage; newImage: InspectedImage; image: string; labels: Record<string, string> }): CreationPlan {
  const { old, image } = input;
  const was = old.Config;
  const defaults = input.oldImage.Config ?? {};
  const shortId = old.Id.slice(0, 12);
  const mode = old.HostConfig.NetworkMode ?? "default";
  const ownNetwork = !/^(host|none|container:|ns:|slirp4netns|pasta)/.test(mode);
  const joined = mode.startsWith("container:");

  const body: CreationPlan["body"] = {
    Image: image,
    Env: operatorEnvironment(was, defaults, shortId),
    Labels: { ...operatorLabels(was, defaults, input.newImage), ...input.labels },
    Tty: was.Tty ?? false,
    OpenStdin: was.OpenStdin ?? false,
    StdinOnce: was.StdinOnce ?? false,
    HostConfig: carryHostConfig(old),
    NetworkingConfig: { EndpointsConfig: {} },
  };
  if (!sameWords(was.Entrypoint, defaults.Entrypoint)) {
    // An own entry point silences the image's command, so the two are kept together.
    body.Entrypoint = words(was.Entrypoint);
    body.Cmd = words(was.Cmd);
  } else if (!sameWords(was.Cmd, defaults.Cmd)) body.Cmd = words(was.Cmd);
  if ((was.User ?? "") !== (defaults.User ?? "")) body.User = was.User ?? "";
  if ((was.WorkingDir || "/") !== (defaults.WorkingDir || "/")) body.WorkingDir = was.WorkingDir ?? "/";
  if (signalName(was.StopSignal) !== signalName(defaults.StopSignal)) body.StopSignal = was.StopSignal;
  // Also when it is the usual 10 s: Podman takes an absent one for none at all, and would kill at the next stop.
  if (was.StopTimeout != null) body.StopTimeout = was.StopTimeout;
  if (was.Healthcheck && JSON.stringify(healthKey(was.Healthcheck)) !== JSON.stringify(healthKey(defaults.Healthcheck ?? {}))) body.Healthcheck = was.Healthcheck;
  if (was.MacAddress) body.MacAddress = was.MacAddress;
  if (!joined) {
    const ports = Object.keys(was.ExposedPorts ?? {}).filter((port) => !(port in (defaults.ExposedPorts ?? {})));
    if (ports.length > 0) body.ExposedPorts = Object.fromEntries(ports.map((port) => [port, {}]));
    if (was.Hostname && was.Hostname !== shortId && ownNetwork) body.Hostname = was.Hostname;
    if (was.Domainname) body.Domainname = was.Domainname;
  }

  const connect: CreationPlan["connect"] = [];
  if (ownNetwork) {
    const networks = Object.entries(old.NetworkSettings?.Networks ?? {});
    // Podman says "bridge" whatever the network is called; Docker says "default" for its own bridge.
    const primary = networks.find(([name]) => name === mode)?.[0] ?? (mode === "default" ? networks.find(([name]) => name === "bridge")?.[0] : undefined) ?? networks[0]?.[0];
    for (const [network, endpoint] of networks) {
      const carried = carryEndpoint(endpoint, old);
      if (network !== primary) connect.push({ network, endpoint: carried });
      else {
        body.NetworkingConfig.EndpointsConfig[network] = carried;
        if (mode !== "default") body.HostConfig.NetworkMode = network;
      }
    }
  } else if (joined) body.HostConfig.PortBindings = {};
  return { name: containerName(old), body, connect };
}

/** The name without the engine's leading slash. */
export function containerName(container: { Name: string }): string {
  return container.Name.replace(/^\//, "");
}

function operatorEnvironment(was: RunConfig, defaults: RunConfig, shortId: string): string[] {
  const given = new Set(defaults.Env ?? []);
  const byPodman = (was.Env ?? []).includes("container=podman");
  const made = new Set<string>([`HOSTNAME=${was.Hostname ?? shortId}`, `HOSTNAME=${shortId}`]);
  if (byPodman) {
    // Podman lists what it adds by itself beside what was asked for.
    for (const line of ["container=podman", "TERM=xterm", "HOME=/", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]) made.add(line);
  }
  return (was.Env ?? []).filter((line) => !given.has(line) && !made.has(line));
}

function operatorLabels(was: RunConfig, defaults: RunConfig, newImage: InspectedImage): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(was.Labels ?? {})) {
    if (key === REPLACES_LABEL || key === GENERATION_LABEL) continue;
    if (defaults.Labels?.[key] === value) continue;
    // Compose notes which image it created from; a stale note would make it recreate the container.
    labels[key] = key === "com.docker.compose.image" ? newImage.Id : value;
  }
  return labels;
}

function carryHostConfig(old: InspectedContainer): HostConfig {
  const host: HostConfig = { ...old.HostConfig };
  for (const field of ["ContainerIDFile", "ConsoleSize"]) delete host[field];
  // Values with which an engine says "nothing was asked for", and that it refuses as a wish.
  if (host.Runtime === "oci") delete host.Runtime;
  if (host.MemorySwappiness === -1 || host.MemorySwappiness === null) delete host.MemorySwappiness;
  for (const field of ["PidMode", "UTSMode"]) if (host[field] === "private") delete host[field];
  if (host.Privileged === true) delete host.Devices;
  host.Ulimits = (host.Ulimits ?? []).map((limit) => ({ ...limit, Name: limit.Name.replace(/^RLIMIT_/, "").toLowerCase() }));
  host.Links = (host.Links ?? []).map(carryLink);
  const bound = new Set([...(host.Binds ?? []).map(bindDestination), ...(host.Mounts ?? []).map((mount) => mount.Target ?? "")]);
  // An anonymous volume holds data too: the successor gets the same one, by its name.
  const anonymous = (old.Mounts ?? []).filter((mount) => mount.Type === "volume" && mount.Name && !bound.has(mount.Destination));
  host.Binds = [...(host.Binds ?? []), ...anonymous.map((mount) => `${mount.Name}:${mount.Destination}${mount.RW === false ? ":ro" : ""}`)];
  return host;
}

function carryEndpoint(endpoint: Endpoint, old: InspectedContainer): Endpoint {
  const carried: Endpoint = {};
  const aliases = (endpoint.Aliases ?? []).filter((alias) => alias !== old.Id && alias !== old.Id.slice(0, 12));
  if (aliases.length > 0) carried.Aliases = [...new Set(aliases)];
  if (endpoint.IPAMConfig) carried.IPAMConfig = endpoint.IPAMConfig;
  if (endpoint.Links?.length) carried.Links = endpoint.Links.map(carryLink);
  if (endpoint.DriverOpts) carried.DriverOpts = endpoint.DriverOpts;
  return carried;
}

/** Docker lists a link as `/other:/this/alias` and takes it as `other:alias`. */
function carryLink(link: string): string {
  const [from, to] = link.split(":");
  return to?.startsWith("/") ? `${from?.replace(/^\//, "")}:${to.slice(to.lastIndexOf("/") + 1)}` : link;
}

function bindDestination(bind: string): string {
  return bind.split(":")[1] ?? "";
}

function words(value: string[] | string | null | undefined): string[] {
  if (value == null || value === "") return [];
  return typeof value === "string" ? [value] : value;
}

function sameWords(a: string[] | string | null | undefined, b: string[] | string | null | undefined): boolean {
  return JSON.stringify(words(a)) === JSON.stringify(words(b));
}

/** `15`, `SIGTERM`, `TERM` and nothing are one signal; others compare by name. */
function signalName(signal: string | undefined): string {
  const name = (signal ?? "").toUpperCase().replace(/^SIG/, "");
  return name === "" || name === "15" ? "TERM" : name;
}

function healthKey(check: { Test?: string[] | null; Interval?: number; Timeout?: number; Retries?: number; StartPeriod?: number }): unknown[] {
  return [check.Test ?? [], check.Interval ?? 0, check.Timeout ?? 0, check.Retries ?? 0, check.StartPeriod ?? 0];
}
