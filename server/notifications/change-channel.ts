import type { z } from "zod";
import { shownDestination, type changeChannelRequest, type ChannelWritten } from "@/lib/contract/notifications";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { openSecret, sealSecret } from "@/server/outbound/seal-secret";
import { checkEvents, splitDestination, type SplitDestination } from "./channel-destination";
import { readSecret, secretContext } from "./channel-secret";
import { loadChannels } from "./load-channels";
import { webhookSecret } from "./send-webhook";
import { claimName, hostOf, lockChannel, recordChannel, type ChannelRow } from "./write-channel";

/**
 * Changes what is named of a channel; switching it on and off is a change too. The right is needed for what it covered and
 * for what it will cover.
 * @throws AppError forbidden, not-found, conflict (the name is taken), unprocessable (a destination that cannot be used)
 */
export async function changeChannel({ ctx, input }: { ctx: Ctx; input: z.output<typeof changeChannelRequest> & { id: string } }): Promise<ChannelWritten> {
  return transact(ctx.db, async (tx) => {
    const before = await lockChannel(tx, ctx, input.id);
    const next = { ...before, name: input.name ?? before.name, service: input.service ?? before.service, environment: input.environment ?? before.environment, enabled: input.enabled ?? before.enabled, events: input.events ? [...new Set(input.events)] : before.events };
    authorise(ctx, "channels.write", { service: next.service, environment: next.environment });
    const split = input.destination ? replaceDestination(ctx, before, input.destination) : null;
    checkEvents(before.kind, next.events);
    if (next.name !== before.name) await claimName(tx, next.name, before.id);
    const config = split?.config ?? shownDestination.parse(before.config);
    const secret = split ? sealSecret(ctx, JSON.stringify(split.secret), secretContext(before.id)) : before.secret;
    const { seq } = await recordChannel(tx, ctx, "changed", { ...next, host: hostOf(config) });
    await tx.$executeRaw`
      UPDATE channels SET name = ${next.name}, service_pattern = ${next.service}, environment_pattern = ${next.environment}, events = ${next.events}::text[],
        enabled = ${next.enabled}, config = ${JSON.stringify(config)}::jsonb, secret = ${secret}, entry_seq = ${seq} WHERE id = ${before.id}::uuid`;
    const [channel] = await loadChannels(tx, before.id);
    if (!channel) throw notFound("channel");
    return { ...channel, signingSecret: split?.made ?? null };
  });
}

function replaceDestination(ctx: Ctx, { id, name, kind, config, secret }: ChannelRow, destination: NonNullable<z.output<typeof changeChannelRequest>["destination"]>): SplitDestination {
  if (destination.kind !== kind) throw new AppError("unprocessable", `The channel ${name} is of the kind ${kind}; make another one.`, { type: "bad-destination", fields: [{ path: "destination.kind", message: "cannot be changed" }] });
  const kept = kind === "webhook" && secret ? readSecret(webhookSecret, { id, name, kind, config, secret: openSecret(ctx, secret, secretContext(id)) }).signingSecret : null;
  return splitDestination(destination, kept);
}
