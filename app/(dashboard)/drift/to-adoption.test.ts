import { expect, it } from "vitest";
import { countNotAdopted, describeAdoption } from "./to-adoption";

const totals = { services: 2, releases: 3, places: 4, instances: 1_200, leftOut: 0, leftOutInstances: 0 };

it("says what an adoption would do, what it leaves out, and why it would not be carried out", () => {
  expect(describeAdoption({ totals, elsewhere: 0, refusal: null })).toBe("2 services get 3 releases at 4 places: 1,200 instances. Nothing is left out.");
  expect(describeAdoption({ totals: { ...totals, leftOut: 1, leftOutInstances: 1 }, elsewhere: 2, refusal: null })).toBe("2 services get 3 releases at 4 places: 1,200 instances. 1 instance is left out. 2 instances of these services in other environments will be findings until they are adopted too.");
  expect(describeAdoption({ totals, elsewhere: 0, refusal: "Too many." })).toBe("2 services get 3 releases at 4 places: 1,200 instances. Too many.");
  expect(describeAdoption({ totals: { ...totals, services: 0, releases: 0, places: 0, instances: 0, leftOut: 1, leftOutInstances: 7 }, elsewhere: 0, refusal: "There is nothing to adopt." })).toBe("There is nothing to adopt. 7 instances are left out.");
});

it("counts services that nobody decided about, within the filter", () => {
  const cell = (environment: string, instances: number, category = "not-adopted") => ({ environment, categories: [{ category, instances }] });
  const rows = [
    { service: "payments", cells: [cell("staging", 2), cell("production", 3)] },
    { service: "checkout", cells: [cell("production", 5, "in-sync")] },
    { service: "search", cells: [cell("staging", 7)] },
  ];
  const matrix = { rows };
  expect(countNotAdopted(matrix, { environment: null, service: null })).toEqual({ services: 2, instances: 12 });
  expect(countNotAdopted(matrix, { environment: "production", service: null })).toEqual({ services: 1, instances: 3 });
  expect(countNotAdopted(matrix, { environment: "staging", service: "search" })).toEqual({ services: 1, instances: 7 });
  expect(countNotAdopted(undefined, { environment: null, service: null })).toEqual({ services: 0, instances: 0 });
});
