import { describe, expect, it } from "vitest";
import { planCreation } from "./carry-over";
import type { InspectedContainer, RunConfig } from "./engine-types";

const id = "0123456789ab".padEnd(64, "f");
const oldDefaults: RunConfig = { Env: ["PATH=/bin", "MODE=old"], Cmd: ["serve"], Entrypoint: ["/app"], Labels: { version: "1", team: "pay" }, User: "app", WorkingDir: "/srv", ExposedPorts: { "8080/tcp": {} } };

const container = (config: RunConfig, more: Partial<InspectedContainer> = {}): InspectedContainer => ({
  Id: id,
  Name: "/payments",
  Image: "sha256:old",
  State: {},
  HostConfig: { NetworkMode: "default" },
  Config: { ...oldDefaults, Hostname: id.slice(0, 12), ...config },
  NetworkSettings: { Networks: { bridge: { Aliases: null } } },
  ...more,
});
const plan = (old: InspectedContainer) => planCreation({ old, oldImage: { Id: "sha256:old", Config: oldDefaults }, newImage: { Id: "sha256:new", Config: { Env: ["MODE=new"], Cmd: ["serve2"] } }, image: "team/pay@sha256:new", labels: { "plumbline.replacing": id } });

describe("planCreation", () => {
  it("asks for nothing that came from the old image", () => {
    const { body, name, connect } = plan(container({}));
    expect(name).toBe("payments");
    expect(connect).toEqual([]);
    expect(body).toMatchObject({ Image: "team/pay@sha256:new", Env: [], Labels: { "plumbline.replacing": id } });
    for (const field of ["Cmd", "Entrypoint", "User", "WorkingDir", "Hostname", "ExposedPorts", "Healthcheck", "StopSignal"]) expect(body).not.toHaveProperty(field);
    expect(body.HostConfig.NetworkMode).toBe("default");
  });
  it("keeps what the operator set", () => {
    const { body } = plan(
      container({
        Env: ["PATH=/bin", "MODE=mine", "COLOR=blue", `HOSTNAME=${id.slice(0, 12)}`],
        Cmd: ["serve", "--fast"],
        User: "root",
        WorkingDir: "/work",
        Hostname: "pay-1",
        Labels: { version: "1", team: "other", "com.docker.compose.image": "sha256:old", "plumbline.replacing": "earlier", "plumbline.generation": "3" },
        ExposedPorts: { "8080/tcp": {}, "9090/tcp": {} },
        StopSignal: "SIGQUIT",
        StopTimeout: 10,
        Healthcheck: { Test: ["CMD", "/ok"], Interval: 1_000_000_000 },
      }),
    );
    expect(body).toMatchObject({ Env: ["MODE=mine", "COLOR=blue"], Cmd: ["serve", "--fast"], User: "root", WorkingDir: "/work", Hostname: "pay-1", ExposedPorts: { "9090/tcp": {} }, StopSignal: "SIGQUIT", StopTimeout: 10, Healthcheck: { Test: ["CMD", "/ok"] } });
    expect(body).not.toHaveProperty("Entrypoint");
    expect(body.Labels).toEqual({ team: "other", "com.docker.compose.image": "sha256:new", "plumbline.replacing": id });
  });
  it("keeps an own entry point together with its command", () => {
    expect(plan(container({ Entrypoint: "/bin/sh", Cmd: ["-c", "x"] })).body).toMatchObject({ Entrypoint: ["/bin/sh"], Cmd: ["-c", "x"] });
  });
  it("keeps networks with aliases and addresses, the further ones to be joined after creation", () => {
    const old = container({}, { HostConfig: { NetworkMode: "front" }, NetworkSettings: { Networks: { back: { Aliases: ["db-client", id.slice(0, 12)] }, front: { Aliases: ["pay"], IPAMConfig: { IPv4Address: "10.0.0.7" } } } } });
    const { body, connect } = plan(old);
    expect(body.NetworkingConfig.EndpointsConfig).toEqual({ front: { Aliases: ["pay"], IPAMConfig: { IPv4Address: "10.0.0.7" } } });
    expect(connect).toEqual([{ network: "back", endpoint: { Aliases: ["db-client"] } }]);
  });
  it("takes Podman's network by its name, although it calls the mode bridge", () => {
    const { body } = plan(container({}, { HostConfig: { NetworkMode: "bridge" }, NetworkSettings: { Networks: { app: {} } } }));
    expect(body.HostConfig.NetworkMode).toBe("app");
  });
  it("asks for no network of its own in another's, and for none of what the other owns", () => {
    const { body } = plan(container({ Hostname: "x", ExposedPorts: { "1/tcp": {} } }, { HostConfig: { NetworkMode: "container:abc", PortBindings: { "1/tcp": [] } }, NetworkSettings: { Networks: {} } }));
    expect(body.HostConfig).toMatchObject({ NetworkMode: "container:abc", PortBindings: {} });
    expect(body).not.toHaveProperty("Hostname");
    expect(body).not.toHaveProperty("ExposedPorts");
  });
  it("gives the successor the same anonymous volumes, and leaves bound ones as they are", () => {
    const old = container({}, { HostConfig: { Binds: ["named:/named:rw"], Mounts: [{ Target: "/mounted" }] }, Mounts: [{ Type: "volume", Name: "f00", Destination: "/anonymous", RW: true }, { Type: "volume", Name: "named", Destination: "/named" }, { Type: "volume", Name: "m", Destination: "/mounted" }] });
    expect(plan(old).body.HostConfig.Binds).toEqual(["named:/named:rw", "f00:/anonymous"]);
  });
  it("says limits as engines take them, and leaves out what they refuse", () => {
    const { body } = plan(container({}, { HostConfig: { Runtime: "oci", PidMode: "private", MemorySwappiness: -1, Memory: 5, Ulimits: [{ Name: "RLIMIT_NOFILE", Soft: 1, Hard: 2 }], Links: ["/db:/payments/database"] } }));
    expect(body.HostConfig).toMatchObject({ Memory: 5, Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }], Links: ["db:database"] });
    for (const field of ["Runtime", "PidMode", "MemorySwappiness"]) expect(body.HostConfig).not.toHaveProperty(field);
  });
});
