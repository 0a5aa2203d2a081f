import { expect, it } from "vitest";
import { parseReference } from "./parse-reference";

const digest = `sha256:${"a".repeat(64)}`;

it.each([
  ["127.0.0.1:5000/team/payments:1.0.0", "127.0.0.1:5000", "team/payments", "1.0.0"],
  ["registry.example/payments", "registry.example", "payments", "latest"],
  ["localhost/payments:2", "localhost", "payments", "2"],
  ["nginx", "docker.io", "library/nginx", "latest"],
  ["team/api:v1", "docker.io", "team/api", "v1"],
  [`ghcr.io/team/api:v1@${digest}`, "ghcr.io", "team/api", digest],
  [`ghcr.io/team/api@${digest}`, "ghcr.io", "team/api", digest],
])("reads %s", (text, registry, path, identifier) => {
  expect(parseReference(text)).toEqual({ registry, path, identifier, repository: `${registry}/${path}` });
});

it.each(["", "a b", "registry.example/Payments", "registry.example/x@sha256:short", "registry.example/"])("refuses %j", (text) => {
  expect(() => parseReference(text)).toThrow(RangeError);
});
