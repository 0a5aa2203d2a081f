import { describe, expect, it } from "vitest";
import { MemoryEngine } from "../../testing/memory-engine";
import { asideName } from "./facts";
import { ContainerObserver } from "./observer";

const REPOSITORY = "registry.example/pay";
const OLD = `sha256:${"a".repeat(64)}`;
const NEW = `sha256:${"b".repeat(64)}`;

type Container = { name: string; image: string; running: boolean };

/** What is told of a host on which these containers are. */
async function observe(...containers: Container[]) {
  const engine = new MemoryEngine([
    { id: OLD, repository: REPOSITORY, digest: `sha256:${"1".repeat(64)}`, starts: "well" },
    { id: NEW, repository: REPOSITORY, digest: `sha256:${"2".repeat(64)}`, starts: "well" },
  ]);
  for (const [at, { name, image, running }] of containers.entries()) {
    engine.present.add(image);
    const State = running ? { Status: "running", Running: true, StartedAt: "2026-01-01T00:00:00Z" } : { Status: "exited", Running: false, StartedAt: "2026-01-01T00:00:00Z", FinishedAt: "2026-01-01T01:00:00Z", ExitCode: 0 };
    engine.containers.set(`c${at}`, { Id: `c${at}`, Name: `/${name}`, Image: image, State, HostConfig: {}, Config: { Image: `${REPOSITORY}:1`, Labels: {} } });
  }
  const { targets, instances } = await new ContainerObserver(engine, { mayAct: () => true, now: () => 0 }).observe();
  return { targets: targets.map(({ key, kind, desired }) => [key, kind, desired]), instances: instances.map(({ key, state }) => [key, state]) };
}

const aside = asideName("pay", 3);

describe("a container that was set aside", () => {
  it.each<[string, Container[], Awaited<ReturnType<typeof observe>>]>([
    ["is a copy while it runs", [{ name: aside, image: OLD, running: true }], { targets: [["pay", "service", 1]], instances: [["c0", "running"]] }],
    ["is one while it runs beside a successor", [{ name: aside, image: OLD, running: true }, { name: "pay", image: NEW, running: false }], { targets: [["pay", "service", 1]], instances: [["c0", "running"], ["c1", "exited"]] }],
    ["is a spare part beside its successor", [{ name: aside, image: OLD, running: false }, { name: "pay", image: NEW, running: true }], { targets: [["pay", "service", 1]], instances: [["c1", "running"]] }],
    ["is all that there is of its target between a successor that failed and being put back", [{ name: aside, image: OLD, running: false }, { name: "cart", image: NEW, running: true }], { targets: [["pay", "service", 1], ["cart", "service", 1]], instances: [["c0", "exited"], ["c1", "running"]] }],
  ])("%s", async (_, containers, expected) => {
    expect(await observe(...containers)).toEqual(expected);
  });
});
