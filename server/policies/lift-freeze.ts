import type { z } from "zod";
import type { liftFreezeRequest } from "@/lib/contract/freezes";
import { authorise, visibleTo } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";

type Row = { id: string; entry_seq: bigint; lifted: boolean; service_id: string | null; service: string | null; environment_id: string; environment: string };

/** Ends a freeze for good, also one that comes back. @throws AppError not-found; conflict when it was lifted */
export async function liftFreeze({ ctx, input }: { ctx: Ctx; input: z.output<typeof liftFreezeRequest> }): Promise<{ entry: number }> {
  return transact(ctx.db, async (tx) => {
    const [freeze] = await tx.$queryRaw<Row[]>`
      SELECT f.id::text, f.entry_seq, f.lifted_seq IS NOT NULL AS lifted, f.service_id::text, s.name::text AS service, f.environment_id::text, e.name::text AS environment
      FROM freezes f JOIN environments e ON e.id = f.environment_id LEFT JOIN services s ON s.id = f.service_id WHERE f.id = ${input.freeze}::uuid FOR UPDATE OF f`;
    const scope = freeze && { environment: freeze.environment, ...(freeze.service !== null && { service: freeze.service }) };
    if (!freeze || !scope || !visibleTo(ctx, "freezes.read", scope)) throw notFound("freeze");
    authorise(ctx, "freezes.lift", scope);
    if (freeze.lifted) throw new AppError("conflict", "This freeze was lifted already.", { type: "not-frozen" });
    await recordChanges(tx, [
      { topic: "settings", serviceId: freeze.service_id, serviceName: freeze.service, environmentId: freeze.environment_id, key: freeze.id },
      { topic: "assignment", serviceId: freeze.service_id, serviceName: freeze.service, environmentId: freeze.environment_id },
    ]);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "freeze-lifted",
      serviceId: freeze.service_id,
      environmentId: freeze.environment_id,
      scope: { service: freeze.service, environment: freeze.environment },
      payload: { freeze: freeze.id, placed: Number(freeze.entry_seq) },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`UPDATE freezes SET lifted_at = ${at}, lifted_seq = ${seq} WHERE id = ${freeze.id}::uuid`;
    return { entry: Number(seq) };
  });
}
