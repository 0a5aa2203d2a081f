import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isDigest } from "@/lib/domain/fleet/digests";
import type { Settings } from "@/lib/domain/fleet/settings-digest";
import { computeSettingsDigest, diffSettingsKeys } from "@/lib/domain/fleet/settings-digest";

const SECRET = new Uint8Array(32).fill(7);
const settings = (changes: Partial<Settings> = {}): Settings => ({
  command: ["/app"],
  args: ["--port", "80"],
  env: { LOG: "info", KEY: "s3cret" },
  mounts: [{ target: "/data", kind: "volume", source: "data", readOnly: false }],
  references: { config: "sha256:1" },
  ...changes,
});
const digest = (changes: Partial<Settings> = {}): string => computeSettingsDigest(settings(changes), SECRET);

describe("computeSettingsDigest", () => {
  it("is a digest", () => {
    expect(isDigest(digest())).toBe(true);
  });

  it.each<[string, Partial<Settings>]>([
    ["command", { command: ["/other"] }],
    ["arguments, whose order matters", { args: ["80", "--port"] }],
    ["where command ends and arguments begin", { command: ["/app", "--port"], args: ["80"] }],
    ["environment", { env: { LOG: "debug", KEY: "s3cret" } }],
    ["a mount", { mounts: [{ target: "/data", kind: "volume", source: "data", readOnly: true }] }],
    ["the content of a referenced config", { references: { config: "sha256:2" } }],
    ["an environment variable called like a mount", { env: { LOG: "info", KEY: "s3cret", "mount /data": "x" } }],
  ])("changes with %s", (_, changes) => {
    expect(digest(changes)).not.toBe(digest());
  });

  it("leaves out what the runtime makes up", () => {
    expect(digest({ env: { ...settings().env, HOSTNAME: "3f2a", container: "podman" } })).toBe(digest());
    const anonymous = (source: string | null): string =>
      digest({ mounts: [{ target: "/tmp/x", kind: "volume", source, readOnly: false }] });
    expect(anonymous("a".repeat(64))).toBe(anonymous("b".repeat(64)));
    expect(anonymous("a".repeat(64))).toBe(anonymous(null));
    expect(anonymous("named")).not.toBe(anonymous(null));
  });

  it("cannot be guessed without the fleet secret", () => {
    expect(computeSettingsDigest(settings(), new Uint8Array(32).fill(8))).not.toBe(digest());
    expect(() => computeSettingsDigest(settings(), new Uint8Array(4))).toThrow(RangeError);
  });

  it("does not depend on the order of environment, mounts and references", () => {
    const env = fc.dictionary(fc.stringMatching(/^[A-Z]{1,5}$/), fc.string({ maxLength: 5 }), { maxKeys: 6 });
    fc.assert(
      fc.property(env, (variables) => {
        const reversed = Object.fromEntries(Object.entries(variables).toReversed());
        expect(digest({ env: reversed })).toBe(digest({ env: variables }));
      }),
    );
  });
});

describe("diffSettingsKeys", () => {
  it("names keys, never values", () => {
    const after = settings({ env: { KEY: "other", NEW: "1" }, mounts: [] });
    expect(diffSettingsKeys(settings(), after)).toEqual(["env KEY", "env LOG", "env NEW", "mount /data"]);
    expect(diffSettingsKeys(settings(), settings())).toEqual([]);
  });
});
