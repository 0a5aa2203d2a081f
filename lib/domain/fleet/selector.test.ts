import { expect, it } from "vitest";
import { formatSelector, parsePartitions } from "./selector";

it("writes a selector as people do", () => {
  expect(formatSelector({ tier: "gold", region: "eu-*" })).toBe("region=eu-*,tier=gold");
});

it("reads partitions as people write them", () => {
  expect(parsePartitions("canary role=canary\n\n# the tenants\n  gold  tenant = acme , tier=g*\n")).toEqual({ partitions: [{ name: "canary", selector: { role: "canary" } }, { name: "gold", selector: { tenant: "acme", tier: "g*" } }], wrong: [] });
  expect(parsePartitions("eu=\neu region\neu region=\nok a=b").wrong).toEqual([1, 2, 3]);
  expect(parsePartitions("edge\n  cell  \n")).toEqual({ partitions: [{ name: "edge", selector: {} }, { name: "cell", selector: {} }], wrong: [] });
  expect(parsePartitions("")).toEqual({ partitions: [], wrong: [] });
});
