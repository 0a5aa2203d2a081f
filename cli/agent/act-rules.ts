/**
 * Whether a target is allowed by this host's patterns. `*` stands for any characters. A pattern holds for the whole key
 * and for its last part (`payments*` allows Compose's `shop/payments`). No pattern allows nothing.
 */
export function allowsTarget(patterns: readonly string[], target: string): boolean {
  const last = target.slice(target.lastIndexOf("/") + 1);
  return patterns.some((pattern) => {
    const expression = new RegExp(`^${pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
    return expression.test(target) || expression.test(last);
  });
}

/** The patterns of an act file: one a line, `#` begins a comment. */
export function parseActFile(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*$/, "").trim())
    .filter((line) => line !== "");
}
