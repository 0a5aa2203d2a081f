import type { z } from "zod";
import type { leaveRequest } from "@/lib/contract/agent";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { retireAgents } from "./retire-agents";

/** An agent says good-bye: its host is no longer part of the fleet, and nothing of it is missing. */
export async function leaveFleet({ ctx, input, now = new Date() }: { ctx: Ctx; input: z.output<typeof leaveRequest>; now?: Date }): Promise<{ retired: boolean }> {
  authorise(ctx, "agent.report");
  await transact(ctx.db, (tx) => retireAgents(tx, [ctx.actor.id], { how: "left", reason: input.reason, now }));
  return { retired: true };
}
