import type Docker from "dockerode";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../error-message";
import type { CreationPlan } from "./carry-over";
import type { Endpoint, EngineEvent, FileChange, InspectedContainer, InspectedImage, ListedContainer } from "./engine-types";

const CALL_TIMEOUT_MS = 30_000;
const PULL_TIMEOUT_MS = 15 * 60_000;

/** The few calls that the agent makes to Docker Engine or Podman, each bounded in time. */
export interface Engine {
  isPodman: boolean;
  list(): Promise<ListedContainer[]>;
  /** The name of the pod that a container belongs to, by container id; Docker has none. */
  pods(): Promise<Map<string, string>>;
  inspect(id: string): Promise<InspectedContainer | null>;
  changes(id: string): Promise<FileChange[]>;
  image(name: string): Promise<InspectedImage | null>;
  /** An image that is present here under this digest, whatever its repository. */
  imageByDigest(digest: string): Promise<InspectedImage | null>;
  pull(reference: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  create(plan: CreationPlan): Promise<string>;
  connect(network: string, id: string, endpoint: Endpoint): Promise<void>;
  start(id: string): Promise<void>;
  /** Ends a container with its own signal and patience; done already is fine. */
  stop(id: string): Promise<void>;
  /** Removes the container, not its named volumes; gone already is fine. */
  remove(id: string): Promise<void>;
  logs(id: string, lines: number): Promise<string[]>;
  /** Container and image events from `sinceMs` on, until the stream breaks or the signal fires. */
  events(sinceMs: number, onEvent: (event: EngineEvent) => void, signal: AbortSignal): Promise<void>;
}

/** Where an engine listens when nobody says so, in the order in which they are tried. */
export function defaultSockets(env: Record<string, string | undefined>): string[] {
  const runtimeDir = env.XDG_RUNTIME_DIR;
  return ["/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock", ...(runtimeDir ? [join(runtimeDir, "docker.sock"), join(runtimeDir, "podman/podman.sock")] : [])];
}

/**
 * Opens the engine at `socket` (a path or `unix://…`), else DOCKER_HOST, else the first default socket there is.
 * Rejects with a sentence when none answers.
 */
export async function openEngine(socket: string | undefined, env: Record<string, string | undefined>): Promise<Engine> {
  // The library's ssh transport asks for this name of CommonJS while it loads, also when nobody wants ssh.
  if (!("__dirname" in globalThis)) Reflect.set(globalThis, "__dirname", import.meta.dirname);
  const { default: DockerClient } = await import("dockerode");
  const named = socket?.replace(/^unix:\/\//, "");
  const found = named ?? (env.DOCKER_HOST ? undefined : defaultSockets(env).find(isReachable));
  if (named === undefined && !env.DOCKER_HOST && found === undefined) throw new Error("no container engine found: name its socket with --socket, or set DOCKER_HOST");
  const docker = found === undefined ? new DockerClient() : new DockerClient({ socketPath: found });
  const version: { Components?: { Name?: string }[] } = await bounded(docker.version(), CALL_TIMEOUT_MS, "version");
  return wrap(docker, version.Components?.some((part) => /podman/i.test(part.Name ?? "")) ?? false);
}

function wrap(docker: Docker, isPodman: boolean): Engine {
  const call = <T>(promise: Promise<T>, what: string, ms = CALL_TIMEOUT_MS): Promise<T> => bounded(promise, ms, what);
  return {
    isPodman,
    list: async () => (await call(docker.listContainers({ all: true }), "list")) as ListedContainer[],
    pods: async () => {
      if (!isPodman) return new Map();
      const listed: { Id?: string; Pod?: string; PodName?: string }[] = await call(listOfPodman(docker, "/containers/json?", { all: true }), "pods");
      return new Map(listed.flatMap(({ Id, Pod, PodName }): [string, string][] => (Id && Pod ? [[Id, PodName || Pod]] : [])));
    },
    inspect: async (id) => (await orNull(call(docker.getContainer(id).inspect(), "inspect"))) as InspectedContainer | null,
    changes: async (id) => ((await call(docker.getContainer(id).changes(), "changes")) as FileChange[] | null) ?? [],
    image: (name) => orNull(call(docker.getImage(name).inspect() as Promise<InspectedImage>, "image")),
    imageByDigest: async (digest) => {
      for (const image of await call(docker.listImages({ digests: true }), "images")) {
        if (image.Id === digest || `sha256:${image.Id}` === digest || image.RepoDigests?.some((entry) => entry.endsWith(`@${digest}`))) {
          return orNull(call(docker.getImage(image.Id).inspect() as Promise<InspectedImage>, "image"));
        }
      }
      return null;
    },
    pull: async (reference) => {
      const stream: NodeJS.ReadableStream = await call(docker.pull(reference), "pull");
      await call(followPull(stream), "pull", PULL_TIMEOUT_MS);
    },
    rename: async (id, name) => {
      await call(docker.getContainer(id).rename({ name }), "rename");
    },
    create: async (plan) => (await call(docker.createContainer({ ...plan.body, name: plan.name } as Docker.ContainerCreateOptions), "create")).id,
    connect: async (network, id, endpoint) => {
      try {
        await call(docker.getNetwork(network).connect({ Container: id, EndpointConfig: endpoint } as Docker.NetworkConnectOptions), "connect");
      } catch (error) {
        if (!/already (exists|connected)|is already/i.test(messageOf(error))) throw error;
      }
    },
    start: async (id) => {
      await tolerate([304], call(docker.getContainer(id).start(), "start", 60_000));
    },
    stop: async (id) => {
      // The container's own stop time-out may be minutes.
      await tolerate([304, 404], call(docker.getContainer(id).stop(), "stop", 10 * 60_000));
    },
    remove: async (id) => {
      // 409: the engine is removing it already (it was started with --rm).
      await tolerate([404, 409], call(docker.getContainer(id).remove({ force: true }), "remove", 60_000));
    },
    logs: async (id, lines) => splitLogs(await call(docker.getContainer(id).logs({ stdout: true, stderr: true, tail: lines }), "logs")),
    events: async (sinceMs, onEvent, signal) => {
      const stream = await docker.getEvents({ since: Math.floor(sinceMs / 1000), filters: { type: ["container", "image"] }, abortSignal: signal });
      await followLines(stream, (line) => {
        const event: EngineEvent = JSON.parse(line);
        onEvent(event);
      });
    },
  };
}

/** GET of a list from Podman's own API; the client has no name for it. `path` ends in `?`. */
function listOfPodman(docker: Docker, path: string, query: Record<string, unknown>): Promise<object[]> {
  return new Promise((resolve, reject) => {
    const options = { path: `/v4.0.0/libpod${path}`, method: "GET", options: query, statusCodes: { 200: true, 404: "not found", 500: "server error" } };
    docker.modem.dial(options, (error: unknown, body?: unknown) => {
      if (error) reject(error instanceof Error ? error : new Error(String(error)));
      else resolve(Array.isArray(body) ? body : []);
    });
  });
}

function isReachable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function followPull(stream: NodeJS.ReadableStream): Promise<void> {
  let failure: string | undefined;
  await followLines(stream, (line) => {
    const progress: { error?: string } = JSON.parse(line);
    if (progress.error) failure = progress.error;
  });
  if (failure !== undefined) throw new Error(failure);
}

async function followLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") onLine(line);
  }
  if (rest.trim() !== "") onLine(rest);
}

/** Docker frames the two streams (8 bytes: stream, 0, 0, 0, length) unless the container has a terminal. */
export function splitLogs(raw: Buffer): string[] {
  const parts: string[] = [];
  let offset = 0;
  while (offset + 8 <= raw.length && (raw[offset] ?? 9) <= 2 && raw.readUInt32BE(offset) % 0x1000000 === 0) {
    const length = raw.readUInt32BE(offset + 4);
    parts.push(raw.subarray(offset + 8, offset + 8 + length).toString("utf8"));
    offset += 8 + length;
  }
  if (offset < raw.length) parts.push(raw.subarray(offset).toString("utf8"));
  return parts.join("").split(/\r?\n/).filter((line) => line !== "");
}

async function bounded<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the engine did not answer ${what} within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function statusOf(error: unknown): number | undefined {
  // While a container removes itself, Podman's answer about it is 500 with these words.
  if (/no such container/i.test(messageOf(error))) return 404;
  return typeof error === "object" && error !== null && "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : undefined;
}

async function tolerate(statuses: number[], promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch (error) {
    if (!statuses.includes(statusOf(error) ?? 0)) throw error;
  }
}

async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
}
