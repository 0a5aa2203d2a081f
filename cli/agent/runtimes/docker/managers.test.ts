import { describe, expect, it } from "vitest";
import { whyNotReplaceable } from "./facts";
import { findUnitFile, managerOf, readWatchtower, watches } from "./managers";
import type { Watchtower, Workload } from "./managers";

const LABEL = "com.centurylinklabs.watchtower";
const running = { Status: "running", Running: true };
const tower = (cmd: string[] = [], env: string[] = []): Watchtower => {
  const read = readWatchtower({ Name: "/tower", State: running, Config: { Labels: { [LABEL]: "true" }, Cmd: cmd, Env: env } });
  if (!read) throw new Error("is no watchtower");
  return read;
};
const workload = (labels: Record<string, string> = {}, more: Partial<Workload> = {}): Workload => ({ name: "pay", labels, reference: "registry.example/pay:1", ...more });

describe("a watchtower", () => {
  it("is known by its label, while it runs", () => {
    const labels = { [LABEL]: "true" };
    expect(readWatchtower({ Name: "/w", State: running, Config: { Labels: {} } })).toBeNull();
    expect(readWatchtower({ Name: "/w", State: running, Config: { Labels: { [`${LABEL}.enable`]: "true" } } })).toBeNull();
    expect(readWatchtower({ Name: "/w", State: { Status: "exited" }, Config: { Labels: labels } })).toBeNull();
    expect(readWatchtower({ Name: "/w", State: running, Config: { Labels: labels, Cmd: null, Env: null } })).toMatchObject({ name: "w", names: [] });
  });
  it("takes names after its flags and their values", () => {
    expect(tower(["--cleanup", "-i", "30", "--schedule", "0 0 4 * * *", "--scope=prod", "nginx", "/redis"])).toMatchObject({ names: ["nginx", "redis"], scope: "prod" });
    expect(tower(["-e", "-m"])).toMatchObject({ labelEnable: true, monitorOnly: true, names: [] });
  });
  it.each<[string, Watchtower, Workload, boolean]>([
    ["all containers without a word", tower(), workload(), true],
    ["what it is told by name", tower(["pay"]), workload(), true],
    ["not what it is not told by name", tower(["other"]), workload(), false],
    ["not what it is told to leave", tower(["--disable-containers", "other,pay"]), workload(), false],
    ["not what opts out", tower(), workload({ [`${LABEL}.enable`]: "false" }), false],
    ["a label that is no truth value as none", tower(), workload({ [`${LABEL}.enable`]: "no" }), true],
    ["only what opts in, when it is told so", tower(["--label-enable"]), workload(), false],
    ["what opts in", tower([], ["WATCHTOWER_LABEL_ENABLE=true"]), workload({ [`${LABEL}.enable`]: "true" }), true],
    ["a switch that is set to false", tower(["--label-enable=false"], ["WATCHTOWER_LABEL_ENABLE=true"]), workload(), true],
    ["not another scope", tower([], ["WATCHTOWER_SCOPE=prod"]), workload({ [`${LABEL}.scope`]: "dev" }), false],
    ["its own scope", tower([], ["WATCHTOWER_SCOPE=prod"]), workload({ [`${LABEL}.scope`]: "prod" }), true],
    ["nothing, when it only tells", tower([], ["WATCHTOWER_MONITOR_ONLY=1"]), workload(), false],
    ["not what it is to tell of only", tower(), workload({ [`${LABEL}.monitor-only`]: "true" }), false],
    ["what a label excepts, when labels win", tower(["--monitor-only", "--label-take-precedence"]), workload({ [`${LABEL}.monitor-only`]: "false" }), true],
    ["not what a label excepts, when they do not", tower(["--monitor-only"]), workload({ [`${LABEL}.monitor-only`]: "false" }), false],
    ["not what was created by digest", tower(), workload({}, { reference: `registry.example/pay@sha256:${"a".repeat(64)}` }), false],
    ["not what was created by image id", tower(), workload({}, { reference: `sha256:${"a".repeat(64)}` }), false],
  ])("looks after %s", (_name, watchtower, one, expected) => {
    expect(watches(watchtower, one)).toBe(expected);
  });
});

describe("managerOf", () => {
  const compose = { "com.docker.compose.project": "shop", "com.docker.compose.service": "pay", "com.docker.compose.project.config_files": "/srv/shop/compose.yaml,/srv/shop/prod.yaml" };
  const none = () => null;
  it.each<[string, Record<string, string>, Watchtower[], unknown]>([
    ["nobody", {}, [], null],
    ["Compose, which waits for a person", compose, [], { tool: "compose", name: "shop", autoSync: false, detail: "/srv/shop/compose.yaml,/srv/shop/prod.yaml" }],
    ["Compose without its files", { "com.docker.compose.project": "shop" }, [], { tool: "compose", name: "shop", autoSync: false }],
    ["a watchtower, before Compose", compose, [tower()], { tool: "watchtower", name: "tower", autoSync: true }],
    ["Compose, when the watchtower leaves it alone", { ...compose, [`${LABEL}.enable`]: "false" }, [tower()], { tool: "compose", name: "shop", autoSync: false, detail: "/srv/shop/compose.yaml,/srv/shop/prod.yaml" }],
    ["nobody, when no watchtower runs that its label asks for", { [`${LABEL}.enable`]: "true" }, [], null],
    ["systemd", { PODMAN_SYSTEMD_UNIT: "pay.service" }, [tower()], { tool: "systemd", name: "pay.service", autoSync: true, detail: "pay.service" }],
    ["Swarm", { "com.docker.swarm.service.name": "shop_pay" }, [tower()], { tool: "swarm", name: "shop_pay", autoSync: true }],
    ["Kubernetes", { "io.kubernetes.pod.name": "pay-1" }, [], { tool: "kubernetes", name: "pay-1", autoSync: true }],
  ])("names %s", (_name, labels, watchtowers, expected) => {
    expect(managerOf(workload(labels), watchtowers, none)).toEqual(expected);
  });
  it("names the file of a quadlet or unit that the host shows", () => {
    const labels = { PODMAN_SYSTEMD_UNIT: "pay.service" };
    expect(managerOf(workload(labels), [], () => "/etc/containers/systemd/pay.container")).toEqual({ tool: "quadlet", name: "pay.service", autoSync: true, detail: "/etc/containers/systemd/pay.container" });
    expect(managerOf(workload(labels), [], () => "/etc/systemd/system/pay.service")).toMatchObject({ tool: "systemd", detail: "/etc/systemd/system/pay.service" });
  });
  it("keeps whole file names of a long list", () => {
    const files = Array.from({ length: 40 }, (_, n) => `/srv/shop/${n}.yaml`).join(",");
    const detail = managerOf(workload({ "com.docker.compose.project": "shop", "com.docker.compose.project.config_files": files }), [])?.detail ?? "";
    expect(detail.length).toBeLessThanOrEqual(300);
    expect(files.split(",")).toEqual(expect.arrayContaining(detail.split(",")));
  });
});

describe("findUnitFile", () => {
  const on = (...files: string[]) => (path: string) => files.includes(path);
  it.each<[string, string, string[], string | null]>([
    ["a quadlet before the unit that is made of it", "pay.service", ["/run/systemd/system/pay.service", "/etc/containers/systemd/pay.container"], "/etc/containers/systemd/pay.container"],
    ["a person's own quadlet", "pay.service", ["/home/ann/.config/containers/systemd/pay.container"], "/home/ann/.config/containers/systemd/pay.container"],
    ["a template", "pay@eu.service", ["/etc/containers/systemd/pay@.container"], "/etc/containers/systemd/pay@.container"],
    ["a unit", "pay.service", ["/etc/systemd/system/pay.service"], "/etc/systemd/system/pay.service"],
    ["nothing where the host shows nothing", "pay.service", [], null],
    ["nothing for what is no unit's name", "../../root/pay.service", ["/etc/systemd/root/pay.service", "/root/pay.service"], null],
  ])("finds %s", (_name, unit, files, expected) => {
    expect(findUnitFile(unit, on(...files), "/home/ann")).toBe(expected);
  });
});

it("does not replace what others make", () => {
  const container = { Id: "1", Name: "/pay", Image: "i", State: running, HostConfig: {}, Config: {} };
  expect(whyNotReplaceable(container, { PODMAN_SYSTEMD_UNIT: "pay.service" }, [], null)).toContain("systemd unit pay.service");
  expect(whyNotReplaceable(container, { "com.docker.swarm.service.name": "shop_pay" }, [], null)).toContain("swarm");
  expect(whyNotReplaceable(container, { "com.docker.compose.project": "shop" }, [], null)).toBeNull();
});
