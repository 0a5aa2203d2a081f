import type { Severity } from "@/lib/domain/drift/categories";

/** The five hues, each with its shape and its texture, and the two shapes that borrow one: stuck (drift), alert (critical). */
export const TONES = ["alert", "critical", "stuck", "drift", "paused", "rolling", "unknown", "neutral", "match"] as const;
export type Tone = (typeof TONES)[number];

const SEVERITY_TONE: Record<Severity, Tone> = {
  critical: "critical",
  drift: "drift",
  warning: "drift",
  unknown: "unknown",
  rolling: "rolling",
  neutral: "neutral",
  match: "match",
};

/** The hue of a severity of the domain. */
export function toneOfSeverity(severity: Severity): Tone {
  return SEVERITY_TONE[severity];
}

/** Whether something in this tone is worth a mark in the margin. */
export function deviates(tone: Tone): boolean {
  return tone !== "match" && tone !== "neutral";
}

/** The worst of several tones; `match` when there is none. */
export function worstTone(tones: Iterable<Tone>): Tone {
  let worst: Tone = "match";
  for (const tone of tones) if (TONES.indexOf(tone) < TONES.indexOf(worst)) worst = tone;
  return worst;
}
