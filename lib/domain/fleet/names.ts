/** What a service, environment, partition, component or pool may be called. */
export const NAME_PATTERN = /^[a-z0-9]([a-z0-9._-]{0,62})$/;

/** The partition that takes what no selector matches. */
export const DEFAULT_PARTITION = "default";
/** The component of a release that names only one artifact. */
export const DEFAULT_COMPONENT = "main";

/** Whether a text is a name as it stands. */
export function isName(value: string): boolean {
  return NAME_PATTERN.test(value);
}

/**
 * Turns what a label or a repository says into a name: lower case, other characters to `-`, cut to 63.
 * Returns null when nothing usable is left; the caller then has no name, and invents none.
 */
export function sanitizeName(text: string | null | undefined): string | null {
  if (text == null) return null;
  const name = text
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 63)
    .replace(/[^a-z0-9]+$/, "");
  return NAME_PATTERN.test(name) ? name : null;
}
