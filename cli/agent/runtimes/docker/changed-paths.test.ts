import { describe, expect, it } from "vitest";
import { filterChanges } from "./changed-paths";

const changed = (...paths: string[]) => paths.map((path) => ({ Path: path, Kind: 0 }));

describe("filterChanges", () => {
  it("leaves out mounts, what programs may write, what the engine writes, and the parents of all of them", () => {
    const listed = [...changed("/etc", "/etc/hosts", "/etc/resolv.conf", "/var", "/var/log", "/var/log/app.log", "/run/app.pid", "/tmp/x", "/srv"), { Path: "/srv/data", Kind: 1 }, { Path: "/.dockerenv", Kind: 1 }];
    expect(filterChanges(listed, ["/srv/data"])).toEqual({ count: 0, paths: [] });
  });
  it("names changed, added and deleted files, not their folders", () => {
    expect(filterChanges([...changed("/app", "/app/lib", "/app/lib/main.js"), { Path: "/app/new", Kind: 1 }, { Path: "/app/new/file", Kind: 1 }, { Path: "/app/gone", Kind: 2 }], [])).toEqual({ count: 3, paths: ["/app/gone", "/app/lib/main.js", "/app/new/file"] });
  });
  it("does not take a similar name for an ignored tree", () => {
    expect(filterChanges(changed("/tmpfile", "/database/x"), ["/data"]).paths).toEqual(["/database/x", "/tmpfile"]);
  });
  it("sends twenty paths and the whole count", () => {
    const found = filterChanges(changed(...Array.from({ length: 50 }, (_, index) => `/app/${index}`)), []);
    expect([found.count, found.paths.length]).toEqual([50, 20]);
  });
});
