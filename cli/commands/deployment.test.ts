import { Command } from "commander";
import { expect, it } from "vitest";
import { addClientOptions } from "@/cli/client";
import { describeAuthority, readRelease, registerDeploymentCommands } from "./deployment";

const digest = `sha256:${"a".repeat(64)}`;

it.each<[string, object]>([
  ["2026.11.3", { version: "2026.11.3" }],
  [digest, { digest }],
  [`registry.example/payments:2026.11.3@${digest}`, { digest }],
  ["team@2", { version: "team@2" }],
])("reads %s", (text, expected) => {
  expect(readRelease(text)).toEqual(expected);
});

it.each<[Parameters<typeof describeAuthority>[0], string]>([
  [{ service: "payments", environment: "staging", partition: null, authority: "external", entry: 41, at: null }, "Others decide about payments in staging, and Plumbline follows, ledger entry 41"],
  [{ service: "payments", environment: "staging", partition: "eu", authority: "plumbline", entry: null, at: null }, "Plumbline decides about payments in staging, partition eu"],
])("says who decides", (decided, sentence) => {
  expect(describeAuthority(decided)).toBe(sentence);
});

it("leaves the options of every command their meaning", () => {
  const program = new Command();
  registerDeploymentCommands(program);
  expect(() => program.commands.forEach(addClientOptions)).not.toThrow();
});
