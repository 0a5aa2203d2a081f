import { CliError } from "@/cli/client";

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `90`, `90s`, `10m`, `1.5h` or `500ms` as milliseconds; a number alone is seconds. @throws CliError naming the flag */
export function readDuration(text: string, flag: string): number {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim()) ?? [];
  const ms = Number(amount) * (UNITS_MS[unit] ?? Number.NaN);
  if (!Number.isFinite(ms) || ms <= 0) throw new CliError(`${flag} wants a time such as 90s, 10m or 1h (a number alone is seconds), not "${text}".`);
  return Math.round(ms);
}

/** `0:42`, `12:05`, `1:02:03`. */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `40 s`, `2 to 4 min`, `about 3 h`: as exact as an estimate is. */
export function formatRange({ from, to }: { from: number; to: number }): string {
  const [amount, unit] = to < 90_000 ? [1_000, "s"] : to < 90 * 60_000 ? [60_000, "min"] : [3_600_000, "h"];
  const [low, high] = [Math.round(Math.max(0, from) / amount), Math.max(1, Math.round(Math.max(0, to) / amount))];
  return low === high ? `about ${high} ${unit}` : `${low} to ${high} ${unit}`;
}
