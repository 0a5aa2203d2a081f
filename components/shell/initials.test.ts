import { expect, it } from "vitest";
import { initialsOf } from "./initials";

it.each([
  ["Ines Duarte", "ID"],
  ["Ana Maria Costa", "AC"],
  ["root", "RO"],
  ["", "?"],
])("%s becomes %s", (name, letters) => expect(initialsOf(name)).toBe(letters));
