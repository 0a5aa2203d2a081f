import { expect, it } from "vitest";
import { reportedTarget } from "./agent";
import { freeText, shortText } from "./primitives";
import { registerReleaseRequest } from "./releases";

it("keeps no character that nobody sees", () => {
  expect(shortText.parse(" Ada\u202e \u0007Lovelace\u2066 ")).toBe("Ada Lovelace");
  expect(freeText.parse("one\r\n\ttwo\u001b[31m")).toBe("one\n\ttwo[31m");
  expect(shortText.safeParse("\u202e").success).toBe(false);
  expect(reportedTarget.parse({ key: "t", desired: 1, labels: { note: "a\u200fb" } }).labels).toEqual({ note: "ab" });
  expect(shortText.parse("Zoë 日本 🙂")).toBe("Zoë 日本 🙂");
});

it("refuses a version that would read as another", () => {
  const component = { digest: `sha256:${"0".repeat(64)}` };
  const fields = registerReleaseRequest.safeParse({ service: "payments", version: "1.0\u202e", components: [component] }).error?.issues.map(({ path }) => path.join("."));
  expect(fields).toEqual(["version"]);
  expect(registerReleaseRequest.safeParse({ service: "payments", version: "1.0-ü", components: [component] }).success).toBe(true);
});
