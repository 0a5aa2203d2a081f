/** Commands for people to copy into a shell, made of names that reports brought: whoever names a container writes into them. */
import { isWellFormed } from "../ledger/bytes";

const MOST_CHARACTERS = 500;
/** Anything but visible characters and the plain space: a terminal acts on controls, and direction marks make a text read as another. */
const UNTYPEABLE = /[\p{C}\u2028\u2029]/u;
const PLAIN = /^[A-Za-z0-9_./:@%+,-][A-Za-z0-9_./:@%+,=-]*$/;

/**
 * One word of a POSIX shell, quoted when it has to be; null when it must not be pasted at all: empty, very long, holding
 * characters that a terminal acts on, or an option where a name belongs.
 */
export function shellWord(text: string | null | undefined): string | null {
  if (!text || text.length > MOST_CHARACTERS || text.startsWith("-") || UNTYPEABLE.test(text) || !isWellFormed(text)) return null;
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * A command line: its literal parts as they are, every value as one word. Undefined when a value must not be pasted, so
 * that a step stays words alone.
 */
export function shellCommand(parts: TemplateStringsArray, ...values: readonly (string | null | undefined)[]): string | undefined {
  const words = values.map(shellWord);
  if (words.includes(null)) return undefined;
  return parts.map((part, at) => `${part}${words[at] ?? ""}`).join("");
}
