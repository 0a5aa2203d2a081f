import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashSources } from "./build.mjs";

let base: string;
beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), "plumbline-build-"));
  mkdirSync(path.join(base, "lib/deep"), { recursive: true });
  writeFileSync(path.join(base, "lib/deep/a.ts"), "a");
  writeFileSync(path.join(base, "one.json"), "{}");
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const hash = () => hashSources(base, ["lib", "one.json", "absent"]);

describe("hashSources", () => {
  it.each([
    ["a byte", "lib/deep/a.ts"],
    ["a new file", "lib/b.ts"],
    ["a named file", "one.json"],
    ["a file that was absent", "absent"],
  ])("changes with %s", (_, file) => {
    const before = hash();
    expect(hash()).toBe(before);
    writeFileSync(path.join(base, file), "changed");
    expect(hash()).not.toBe(before);
  });

  it("stays when only tests change", () => {
    const before = hash();
    writeFileSync(path.join(base, "lib/a.test.ts"), "");
    writeFileSync(path.join(base, "lib/a.db.test.ts"), "");
    expect(hash()).toBe(before);
  });

  it("tells a moved boundary between files", () => {
    const before = hash();
    rmSync(path.join(base, "lib/deep/a.ts"));
    writeFileSync(path.join(base, "lib/a.ts"), "a");
    expect(hash()).not.toBe(before);
  });
});
