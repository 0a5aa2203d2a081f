import { openEngine } from "./docker/engine";
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
  const engine = await openEngine(options.socket, options.env);
  const observer = new ContainerObserver(engine, options);
  const replacer = new ContainerReplacer(engine, observer, options);
  return {
    name: "docker",
    observe: () => observer.observe(),
    watch: (watcher, signal) => observer.watch(watcher, signal),
    execute: (task, execution) => replacer.execute(task, execution),
  };
}
