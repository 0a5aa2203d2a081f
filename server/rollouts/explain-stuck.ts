import type { TargetReason } from "@/lib/domain/rollout/statuses";

type Advice = { sentence: string; next: string };

const ADVICE: Record<TargetReason | "contested", Advice> = {
  "agent-silent": { sentence: "Their agents do not report.", next: "Check the hosts and their network; they follow by themselves when they are back." },
  "no-answer": { sentence: "Their agents did not answer the offer.", next: "Look at the agent's log on the host; it fetches the order again by itself." },
  "cannot-fetch": { sentence: "The image could not be pulled.", next: "Check that the registry is reachable from the host and still has the digest." },
  "start-failed": { sentence: "The replacement did not start; the old one was put back where that was possible.", next: "Read the executor's message below, put the cause right, and reconverge." },
  "crash-loop": { sentence: "The replacement keeps crashing.", next: "Read its last lines; go on to another release if it is the release's fault." },
  "wrong-digest": { sentence: "Something else runs there than what was ordered.", next: "See who manages the target; another tool may put its own version back." },
  unhealthy: { sentence: "The right bytes run, but their health check fails.", next: "Look at the health check's output; go on to another release if it is the release's fault." },
  "too-few": { sentence: "Fewer copies run than wanted, or not long enough yet.", next: "Check the capacity of the hosts." },
  "ledger-refused": { sentence: "The agents refused the order, because it does not fit the ledger they know.", next: "See the finding of the agent; do not force it before you know why." },
  contested: { sentence: "Something puts its own version back; they were told again twice, and are not fought any longer.", next: "Change it where their manager takes it from, or stop that manager there; then reconverge." },
  "not-told": { sentence: "The executor did not take the order.", next: "See what it answered under Who was told, put that right, and send it again." },
  "not-allowed": { sentence: "Their hosts do not let Plumbline act.", next: "Allow it on the host with --act, or change them by hand: they are verified by what runs." },
};

/** Why targets are stuck, and what to do next. */
export function explainStuck(reason: string, count: number): Advice {
  const advice = isReason(reason) ? ADVICE[reason] : { sentence: "They did not get there.", next: "Open one of them and look at what it reports." };
  return { ...advice, sentence: count === 1 ? advice.sentence.replace(/^Their agents do /, "Its agent does ").replace(/^Their agents /, "Its agent ") : advice.sentence };
}

function isReason(reason: string): reason is keyof typeof ADVICE {
  return Object.hasOwn(ADVICE, reason);
}
