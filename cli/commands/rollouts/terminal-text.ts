import { stripVTControlCharacters } from "node:util";
import { stripHidden } from "@/lib/contract/primitives";

/** What is drawn on: columns, rows (null: as many as are needed), and whether colours are wanted. */
export type Surface = { width: number; height: number | null; colour: boolean };

const CODES = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33", cyan: "36" } as const;
export type Paint = keyof typeof CODES;

export function paint(text: string, paints: readonly Paint[], colour: boolean): string {
  return colour && paints.length > 0 && text !== "" ? `\u001b[${paints.map((one) => CODES[one]).join(";")}m${text}\u001b[0m` : text;
}

/** One line without control characters: what hosts and people wrote must not steer the terminal. */
export function plainText(text: string): string {
  return stripHidden(text).replace(/\s+/g, (space) => (space.includes("\n") || space.includes("\t") ? " " : space));
}

/** At most `width` characters; an ellipsis ends what was cut. */
export function clip(text: string, width: number): string {
  if (width <= 0) return "";
  if (text.length <= width) return text;
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

/** In as many lines as it takes, at spaces. A command at its end (`: plumbline …`) has a line to itself, whole: it is there to be copied. */
export function wrap(text: string, width: number): string[] {
  if ([...text].length <= width) return [text];
  const [, words = text, command] = /^(.*?:) (plumbline .+)$/.exec(text) ?? [];
  const indent = /^ */.exec(words)?.[0] ?? "";
  const lines: string[] = [];
  for (const word of words.trim().split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && [...last].length + 1 + [...word].length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent}${word}`);
  }
  return [...lines.map((line) => clip(line, width)), ...(command === undefined ? [] : [`  ${command}`])];
}

/** How many columns a drawn line takes. */
export function visibleLength(line: string): number {
  return [...stripVTControlCharacters(line)].length;
}
