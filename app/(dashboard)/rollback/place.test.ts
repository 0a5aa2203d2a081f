import { describe, expect, it } from "vitest";
import { formatPlace, parsePlace } from "./place";

describe("parsePlace", () => {
  it.each([
    ["payments/production/eu", { service: "payments", environment: "production", partition: "eu" }],
    ["payments/production", { service: "payments", environment: "production", partition: "default" }],
    ["payments", null],
    ["", null],
    ["payments/production/eu/west", null],
    ["Payments/production", null],
    ["payments/../production", null],
    ["/production/default", null],
  ])("%j", (text, place) => {
    expect(parsePlace(text)).toEqual(place);
  });
  it("comes back from the URL as it went", () => {
    const place = { service: "a.b-c", environment: "dev", partition: "default" };
    expect(parsePlace(formatPlace(place))).toEqual(place);
  });
});
