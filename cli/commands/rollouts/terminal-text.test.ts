import { expect, it } from "vitest";
import { wrap } from "./terminal-text";

it.each<[string, string, number, string[]]>([
  ["what fits", "It is paused: plumbline rollout resume R-12", 60, ["It is paused: plumbline rollout resume R-12"]],
  ["words", "one two three four", 9, ["one two", "three", "four"]],
  ["words that are set in", "  Look at the host first.", 14, ["  Look at the", "  host first."]],
  ["a command to copy, whole", "It is paused (1 of 1 target of wave 10 % did not get there): plumbline rollout resume R-12 --failed retry", 40, ["It is paused (1 of 1 target of wave 10 %", "did not get there):", "  plumbline rollout resume R-12 --failed retry"]],
  ["a word that is too long", "sha256:0123456789abcdef is there", 10, ["sha256:01…", "is there"]],
])("%s", (_, text, width, lines) => expect(wrap(text, width)).toEqual(lines));
