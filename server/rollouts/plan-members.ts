import { planRollout, type Plan } from "@/lib/domain/rollout/plan";
import type { Strategy } from "@/lib/domain/rollout/strategy";
import type { TargetRow } from "./read-decision";

/** The waves of these targets: the preview and the start ask the same. */
export function planMembers(members: readonly TargetRow[], partition: string, strategy: Strategy): Plan {
  return planRollout(
    // Padded, so that the order of the text is the order of the numbers.
    members.map((member) => ({ key: member.id.toString().padStart(19, "0"), name: member.key, agent: member.agentName, partition, region: member.region, labels: member.labels })),
    strategy,
  );
}
