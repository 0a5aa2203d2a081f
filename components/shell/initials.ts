/** Two letters of a name or an address. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/[\s.@_-]+/).filter(Boolean);
  const first = words[0];
  if (first === undefined) return "?";
  const last = words.length > 1 ? words[words.length - 1] : undefined;
  return (last ? `${first[0]}${last[0]}` : first.slice(0, 2)).toUpperCase();
}
