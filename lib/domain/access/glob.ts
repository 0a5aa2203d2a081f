/**
 * Whether a value matches a pattern in which `*` stands for any characters, also none, and everything else for
 * itself. Linear in both lengths: patterns come from people.
 */
export function matchesGlob(pattern: string, value: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  if (parts.length === 1) return value === pattern;
  const last = parts.at(-1) ?? "";
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = value.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return value.length - last.length >= at && value.endsWith(last);
}
