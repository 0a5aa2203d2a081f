import { expect, it } from "vitest";
import { choosePreviews } from "./choose-previews";

const rules = [
  { id: "pr", pattern: "pr-*", free: 2 },
  { id: "all-pr", pattern: "pr*", free: 5 },
];

it.each<[string, string[], string[], string[]]>([
  ["what a rule matches", ["pr-1"], ["pr-1 pr"], []],
  ["each name once, by the first rule", ["pr-1", "pr-1", "prx"], ["pr-1 pr", "prx all-pr"], []],
  ["no more than fit; no later rule takes the rest", ["pr-1", "pr-2", "pr-3"], ["pr-1 pr", "pr-2 pr"], ["pr-3 pr"]],
  ["nothing that no rule names", ["staging", ""], [], []],
  ["nothing that is no name", ["pr-Ü", "pr-", `pr-${"x".repeat(80)}`], ["pr- pr"], []],
])("makes %s", (_, names, made, refused) => {
  const said = (list: { name: string; rule: string }[]) => list.map(({ name, rule }) => `${name} ${rule}`);
  const chosen = choosePreviews(names, rules);
  expect([said(chosen.made), said(chosen.refused)]).toEqual([made, refused]);
});
