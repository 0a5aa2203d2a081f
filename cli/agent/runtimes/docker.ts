import { openEngine } from "./docker/engine";
import type { Engine } from "./docker/engine";
import { ContainerObserver } from "./docker/observer";
import type { ObserverOptions } from "./docker/observer";
import { ContainerReplacer } from "./docker/replacer";
import type { ReplacerOptions } from "./docker/replacer";
import type { Runtime } from "./runtime";

export interface DockerOptions extends ObserverOptions, ReplacerOptions {
  /** The API socket; default DOCKER_HOST, else the usual places. */
  socket?: string;
  env: Record<string, string | undefined>;
}

/** Docker Engine or Podman through the API socket. Rejects with a sentence when no engine answers. */
export async function openDockerRuntime(options: DockerOptions): Promise<Runtime> {
  return dockerRuntime(await openEngine(options.socket, options.env), options);
}

/** The runtime on an engine that is open. */
export function dockerRuntime(engine: Engine, options: ObserverOptions & ReplacerOptions): Runtime {
  const observer = new ContainerObserver(engine, options);
  const replacer = new ContainerReplacer(engine, observer, options);
  return {
    name: "docker",
    observe: () => observer.observe(),
    watch: (watcher, signal) => observer.watch(watcher, signal),
    execute: (task, execution) => replacer.execute(task, execution),
    prefetch: (task) => replacer.prefetch(task),
  };
}
