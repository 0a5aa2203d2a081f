import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { findMissingOptional, isSatisfied } from "./install.mjs";

const wanted = {
  packages: {
    "": {},
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/a-darwin": { version: "1.0.0", integrity: "sha512-d", optional: true },
  },
};

describe("isSatisfied", () => {
  const a = { version: "1.0.0", integrity: "sha512-a" };

  it("accepts a tree without the packages of other platforms", () => {
    expect(isSatisfied(wanted, { packages: { "node_modules/a": a } })).toBe(true);
  });

  it.each([
    ["nothing is installed", undefined],
    ["a package is missing", { packages: {} }],
    ["a version differs", { packages: { "node_modules/a": { ...a, version: "1.0.1" } } }],
    ["the bytes differ", { packages: { "node_modules/a": { ...a, integrity: "sha512-b" } } }],
  ])("refuses when %s", (_, installed) => {
    expect(isSatisfied(wanted, installed)).toBe(false);
  });
});

describe("findMissingOptional", () => {
  it("looks in the package's own folder and in those above", () => {
    const lock = {
      packages: {
        "": {},
        "node_modules/a": { optionalDependencies: { b: "1", c: "1", d: "1" } },
        "node_modules/a/node_modules/b": {},
        "node_modules/c": {},
      },
    };
    expect(findMissingOptional(lock)).toEqual(["d"]);
  });

  it("finds package-lock.json complete, for every platform", () => {
    expect(findMissingOptional(JSON.parse(readFileSync("package-lock.json", "utf8")))).toEqual([]);
  });
});
