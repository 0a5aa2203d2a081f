/**
 * Whether a value matches a pattern in which `*` stands for any characters, also none, and everything else for
 * itself. Linear in both lengths: patterns come from people.
 */
export function matchesGlob(pattern: string, value: string): boolean {
  return compileGlob(pattern)(value);
}

/** The same for a pattern that is asked of many values: it is taken apart once. */
export function compileGlob(pattern: string): (value: string) => boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return (value) => value === pattern;
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  const between = parts.slice(1, -1);
  return (value) => {
    if (!value.startsWith(first)) return false;
    let at = first.length;
    for (const part of between) {
      const found = value.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return value.length - last.length >= at && value.endsWith(last);
  };
}
