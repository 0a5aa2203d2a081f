import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { openSecret, sealSecret, UnsealError } from "./seal-secret";

const keys = (appendKey = randomBytes(32)) => ({ keys: { origin: "plumbline/test", epoch: 1, signingSeed: randomBytes(32), appendKey, fleetKey: randomBytes(32), authSecret: "", recoveryPublicKey: randomBytes(32), localKey: "" } });

it("opens with the same keys in the same place, and nowhere else", () => {
  const appendKey = randomBytes(32);
  const sealed = sealSecret(keys(appendKey), "grün, 🤫", "channel:1");
  // Only the append key counts: the others may be changed.
  expect(openSecret(keys(appendKey), sealed, "channel:1")).toBe("grün, 🤫");
  expect(() => openSecret(keys(appendKey), sealed, "channel:2")).toThrow(UnsealError);
  expect(() => openSecret(keys(), sealed, "channel:1")).toThrow(UnsealError);
});

it("seals the same text differently each time, without showing it", () => {
  const app = keys();
  const [one, two] = [sealSecret(app, "canary", "x"), sealSecret(app, "canary", "x")];
  expect(one).not.toEqual(two);
  expect(Buffer.from(one).includes("canary")).toBe(false);
});

it("refuses every changed byte and every cut", () => {
  const app = keys();
  const sealed = sealSecret(app, "secret", "x");
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => openSecret(app, changed, "x")).toThrow(UnsealError);
    expect(() => openSecret(app, sealed.slice(0, at), "x")).toThrow(UnsealError);
  }
});
