import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { ChannelWritten, createChannelRequest } from "@/lib/contract/notifications";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { notFound } from "@/server/errors";
import { sealSecret } from "@/server/outbound/seal-secret";
import { checkEvents, splitDestination } from "./channel-destination";
import { secretContext } from "./channel-secret";
import { loadChannels } from "./load-channels";
import { claimName, recordChannel } from "./write-channel";

/**
 * Makes a channel: what is told to whom about rollouts. A webhook without a signing secret gets one, shown in this answer
 * and nowhere else.
 * @throws AppError forbidden, conflict (the name is taken), unprocessable (a destination that cannot be used)
 */
export async function createChannel({ ctx, input }: { ctx: Ctx; input: z.output<typeof createChannelRequest> }): Promise<ChannelWritten> {
  authorise(ctx, "channels.write", { service: input.service, environment: input.environment });
  const { name, service, environment, enabled } = input;
  const { config, secret, made, host } = splitDestination(input.destination);
  const { kind } = config;
  const events = [...new Set(input.events)];
  checkEvents(kind, events);
  const id = randomUUID();
  const sealed = sealSecret(ctx, JSON.stringify(secret), secretContext(id));
  return transact(ctx.db, async (tx) => {
    await claimName(tx, name);
    const { seq } = await recordChannel(tx, ctx, "created", { id, name, kind, service, environment, events, enabled, host });
    await tx.$executeRaw`
      INSERT INTO channels (id, name, kind, service_pattern, environment_pattern, events, config, secret, enabled, actor_id, entry_seq)
      VALUES (${id}::uuid, ${name}, ${kind}, ${service}, ${environment}, ${events}::text[], ${JSON.stringify(config)}::jsonb, ${sealed}, ${enabled}, ${ctx.actor.id}::uuid, ${seq})`;
    const [channel] = await loadChannels(tx, id);
    if (!channel) throw notFound("channel");
    return { ...channel, signingSecret: made };
  });
}
