import type { Engine } from "../runtimes/docker/engine";
import type { InspectedContainer, InspectedImage } from "../runtimes/docker/engine-types";

export interface MemoryImage {
  id: string;
  repository: string;
  digest: string;
  /** How a container of it begins: it stays, it ends at once, or the engine cannot start it. */
  starts: "well" | "and ends" | "not at all";
}

const LONG_AGO = "2026-01-01T00:00:00.000Z";
const NEVER = "0001-01-01T00:00:00Z";

/** Containers and images in memory, with the names and refusals of a real engine. Counts what happened to them. */
export class MemoryEngine implements Engine {
  readonly isPodman = false;
  readonly containers = new Map<string, InspectedContainer>();
  readonly present = new Set<string>();
  /** Image ids by creation, and by pull. */
  readonly created: string[] = [];
  readonly pulled: string[] = [];
  private births = 0;

  constructor(private readonly registry: readonly MemoryImage[]) {}

  list: Engine["list"] = async () => [...this.containers.values()].map(({ Id, Name, Image, State, Config }) => ({ Id, Names: [Name], ImageID: Image, State: State.Status, Labels: Config.Labels }));
  pods: Engine["pods"] = async () => new Map();
  inspect: Engine["inspect"] = async (id) => {
    const found = this.containers.get(id) ?? [...this.containers.values()].find(({ Name }) => Name === `/${id}`);
    return found ? structuredClone(found) : null;
  };
  changes: Engine["changes"] = async () => [];
  image: Engine["image"] = async (name) => {
    const known = this.registry.find(({ id, repository, digest }) => id === name || `${repository}@${digest}` === name);
    return known && this.present.has(known.id) ? inspectedImage(known) : null;
  };
  imageByDigest: Engine["imageByDigest"] = async (digest) => {
    const known = this.registry.find((one) => one.digest === digest && this.present.has(one.id));
    return known ? inspectedImage(known) : null;
  };
  pull: Engine["pull"] = async (reference) => {
    const known = this.registry.find(({ repository, digest }) => `${repository}@${digest}` === reference);
    if (!known) throw new Error(`manifest unknown: ${reference}`);
    if (!this.present.has(known.id)) this.pulled.push(known.id);
    this.present.add(known.id);
  };
  rename: Engine["rename"] = async (id, name) => {
    this.claim(name);
    this.known(id).Name = `/${name}`;
  };
  create: Engine["create"] = async ({ name, body }) => {
    this.claim(name);
    const image = this.registry.find(({ id, repository, digest }) => body.Image === id || body.Image === `${repository}@${digest}`);
    if (!image || !this.present.has(image.id)) throw new Error(`no such image: ${body.Image}`);
    this.births += 1;
    const id = `c${this.births}`;
    this.created.push(image.id);
    this.containers.set(id, { Id: id, Name: `/${name}`, Image: image.id, State: { Status: "created", Running: false, StartedAt: NEVER }, HostConfig: structuredClone(body.HostConfig), Config: { Image: body.Image, Labels: { ...body.Labels } } });
    return id;
  };
  connect: Engine["connect"] = async () => undefined;
  start: Engine["start"] = async (id) => {
    const container = this.known(id);
    if (container.State.Running) return;
    const port = container.HostConfig.PortBindings?.["80/tcp"]?.[0]?.HostPort;
    const holder = [...this.containers.values()].find((one) => one !== container && one.State.Running && port !== undefined && one.HostConfig.PortBindings?.["80/tcp"]?.[0]?.HostPort === port);
    if (holder) throw new Error(`port ${port} is taken by ${holder.Name}`);
    const starts = this.registry.find((one) => one.id === container.Image)?.starts;
    if (starts === "not at all") throw new Error("exec format error");
    container.State = starts === "and ends" ? { Status: "exited", Running: false, StartedAt: LONG_AGO, FinishedAt: LONG_AGO, ExitCode: 7 } : { Status: "running", Running: true, StartedAt: LONG_AGO };
    if (!container.State.Running && container.HostConfig.AutoRemove) this.containers.delete(id);
  };
  stop: Engine["stop"] = async (id) => {
    const container = this.containers.get(id);
    if (!container?.State.Running) return;
    container.State = { Status: "exited", Running: false, StartedAt: LONG_AGO, FinishedAt: LONG_AGO, ExitCode: 0 };
    if (container.HostConfig.AutoRemove) this.containers.delete(id);
  };
  remove: Engine["remove"] = async (id) => {
    this.containers.delete(id);
  };
  logs: Engine["logs"] = async () => [];
  events: Engine["events"] = async () => undefined;

  private known(id: string): InspectedContainer {
    const found = this.containers.get(id);
    if (!found) throw new Error(`no such container: ${id}`);
    return found;
  }

  private claim(name: string): void {
    if ([...this.containers.values()].some(({ Name }) => Name === `/${name}`)) throw new Error(`the name ${name} is taken`);
  }
}

function inspectedImage({ id, repository, digest }: MemoryImage): InspectedImage {
  return { Id: id, RepoDigests: [`${repository}@${digest}`] };
}
