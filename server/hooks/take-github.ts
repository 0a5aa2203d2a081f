import { createHmac, timingSafeEqual } from "node:crypto";
import type { HookAnswer } from "@/lib/contract/hooks";
import { fromGithub } from "@/lib/contract/hooks/from-github";
import { loadActor } from "@/server/auth/load-actor";
import type { Ctx } from "@/server/context";
import { AppError } from "@/server/errors";
import type { IncomingCall } from "@/server/http/call";
import { limitByPeer } from "@/server/http/request-limits";
import { openSecret } from "@/server/outbound/seal-secret";
import { sealedFor } from "./hook-row";
import { readMessage, takeMessage } from "./take-message";

const FAILURES = { max: 60, windowMs: 60_000 };
const SIGNATURE = /^sha256=([0-9a-f]{64})$/;

/**
 * Takes a webhook of GitHub, signed with the hook's secret (`X-Hub-Signature-256`), in the hook's name. An unknown hook and a
 * wrong signature are answered alike. @throws AppError unauthenticated, rate-limited, and as `announceDeployment`
 */
export async function takeGithub({ ctx, input, request }: { ctx: Ctx; input: { id: string }; request: IncomingCall }): Promise<HookAnswer> {
  const { bytes, json } = await readMessage(request);
  const [hook] = await ctx.db.$queryRaw<{ id: string; secret: Uint8Array; caller_id: string }[]>`
    SELECT id::text, secret, caller_id::text FROM hooks WHERE id = ${input.id}::uuid AND kind = 'github' AND removed_at IS NULL`;
  const actor = hook && isSigned(request.headers.get("x-hub-signature-256"), bytes, openSecret(ctx, hook.secret, sealedFor(hook.id))) ? await loadActor(ctx.db, hook.caller_id) : null;
  if (!hook || !actor) {
    await limitByPeer(ctx, request, "hook", FAILURES);
    throw new AppError("unauthenticated", "The signature does not fit: set the webhook's secret to the one that was shown when the hook was made.", { type: "bad-signature" });
  }
  await ctx.db.$executeRaw`UPDATE hooks SET last_called_at = clock_timestamp() WHERE id = ${hook.id}::uuid`;
  return takeMessage({ ...ctx, actor }, fromGithub(request.headers.get("x-github-event") ?? "", json()));
}

function isSigned(header: string | null, bytes: Uint8Array, secret: string): boolean {
  const given = SIGNATURE.exec(header?.trim() ?? "")?.[1];
  return given !== undefined && timingSafeEqual(Buffer.from(given, "hex"), createHmac("sha256", secret).update(bytes).digest());
}
