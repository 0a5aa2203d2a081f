import type { WaveGate } from "@/lib/domain/rollout/strategy";

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function duration(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

/** What stands before a wave, and when it has passed or failed, a few words each, in the order in which it counts. */
export function describeGate(gate: WaveGate): string[] {
  const words: string[] = [];
  if (gate.goAhead) words.push("after somebody says go");
  if (gate.check) words.push(gate.check.kind === "webhook" ? "after a webhook says yes" : `after Prometheus says ${gate.check.query} ${gate.check.op} ${gate.check.threshold}`);
  words.push(gate.passShare >= 1 ? "passes when all are verified" : `passes when ${percent(gate.passShare)} are verified`);
  if (gate.soakMs > 0) words.push(`and stay so for ${duration(gate.soakMs)}`);
  const allowed = [gate.failureThreshold > 0 ? percent(gate.failureThreshold) : null, gate.maxFailures > 0 ? `${gate.maxFailures}` : null].filter((part) => part !== null);
  words.push(allowed.length > 0 ? `fails above ${allowed.join(" or ")} failures` : "fails with the first failure");
  if (!gate.health) words.push("health is not watched");
  return words;
}
