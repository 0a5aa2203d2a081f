import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { putEnvironmentRequest } from "@/lib/contract/access";
import type { EnvironmentDto } from "@/lib/contract/fleet";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { lockVerdicts, rejudgeCombinations } from "@/server/drift/rejudge";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { authorise } from "./authorise";

type Row = { id: string; ordinal: number; protected: boolean; mode: EnvironmentDto["mode"]; kind: EnvironmentDto["kind"]; required_approvals: number; retired: boolean };

/**
 * Makes an environment, or changes what is named of one; a new one stands last. Changing what may run where judges the
 * fleet there anew, and its previews follow.
 * @throws AppError forbidden, conflict when it is retired or a preview
 */
export async function putEnvironment({ ctx, input }: { ctx: Ctx; input: z.output<typeof putEnvironmentRequest> }): Promise<EnvironmentDto> {
  authorise(ctx, "environments.write", { environment: input.name });
  return transact(ctx.db, async (tx) => {
    // One at a time: the next place in the order is taken from what is there.
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.environments', 0))`;
    const [before] = await tx.$queryRaw<Row[]>`
      SELECT id::text, ordinal, protected, mode, kind, required_approvals, retired_at IS NOT NULL AS retired FROM environments WHERE name = ${input.name} FOR NO KEY UPDATE`;
    if (before?.retired) throw new AppError("conflict", `The environment ${input.name} is retired.`, { type: "retired" });
    if (before?.kind === "preview") throw new AppError("conflict", `${input.name} is a preview and follows its template; change that.`, { type: "follows-template" });
    const [last] = await tx.$queryRaw<{ ordinal: number }[]>`SELECT coalesce(max(ordinal), -1) + 1 AS ordinal FROM environments`;
    const id = before?.id ?? randomUUID();
    const isProtected = input.protected ?? before?.protected ?? false;
    const next: EnvironmentDto = {
      name: input.name,
      protected: isProtected,
      mode: input.mode ?? before?.mode ?? "observe",
      kind: before?.kind ?? "permanent",
      ordinal: before?.ordinal ?? last?.ordinal ?? 0,
      requiredApprovals: input.requiredApprovals ?? before?.required_approvals ?? (isProtected ? 1 : 0),
    };
    if (before && before.protected === next.protected && before.mode === next.mode && before.required_approvals === next.requiredApprovals) return next;
    await recordChanges(tx, [{ topic: "settings", environmentId: id }, { topic: "fleet", environmentId: id }]);
    if (before) await lockVerdicts(tx);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: before ? "environment-changed" : "environment-created",
      environmentId: id,
      scope: { service: null, environment: input.name },
      payload: { ordinal: next.ordinal, protected: next.protected, mode: next.mode, kind: next.kind, requiredApprovals: next.requiredApprovals },
    });
    await tx.$executeRaw`
      INSERT INTO environments AS e (id, name, ordinal, protected, mode, kind, required_approvals, entry_seq)
      VALUES (${id}::uuid, ${next.name}, ${next.ordinal}, ${next.protected}, ${next.mode}, ${next.kind}, ${next.requiredApprovals}, ${seq})
      ON CONFLICT (id) DO UPDATE SET protected = EXCLUDED.protected, mode = EXCLUDED.mode, required_approvals = EXCLUDED.required_approvals, entry_seq = EXCLUDED.entry_seq`;
    await tx.$executeRaw`
      UPDATE environments SET protected = ${next.protected}, mode = ${next.mode}, required_approvals = ${next.requiredApprovals} WHERE template_id = ${id}::uuid AND kind = 'preview' AND retired_at IS NULL`;
    if (before) await rejudgeCombinations(tx, { environmentId: id }, { now: at });
    return next;
  });
}
