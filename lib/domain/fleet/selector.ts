/** A selector as people write it: `region=eu-*,tier=gold`. */
export function formatSelector(selector: Readonly<Record<string, string>>): string {
  return Object.entries(selector)
    .map(([label, pattern]) => `${label}=${pattern}`)
    .sort()
    .join(",");
}

/**
 * Partitions as people write them, one a line: `eu region=eu-*, tier=gold`, or a name alone for what mapping rules put there.
 * Empty lines and those that begin with # are left out. @returns the lines that are none, by number, beside those that are
 */
export function parsePartitions(text: string): { partitions: { name: string; selector: Record<string, string> }[]; wrong: number[] } {
  const partitions: { name: string; selector: Record<string, string> }[] = [];
  const wrong: number[] = [];
  text.split("\n").forEach((line, at) => {
    if (line.trim() === "" || line.trim().startsWith("#")) return;
    const [, name = "", labels = ""] = /^(\S+)(?:\s+(\S.*))?$/.exec(line.trim()) ?? [];
    const pairs = (labels === "" ? [] : labels.split(",")).map((pair) => /^([^=\s]+)\s*=\s*(\S.*)$/.exec(pair.trim()));
    if (name === "" || name.includes("=") || pairs.some((pair) => pair === null)) wrong.push(at + 1);
    else partitions.push({ name, selector: Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1] ?? "", pair[2] ?? ""]] : []))) });
  });
  return { partitions, wrong };
}
