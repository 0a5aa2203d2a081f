/** What an error says, in one line, without the engine client's own prefix. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^\(HTTP code \d+\)[^-]*- /, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}
