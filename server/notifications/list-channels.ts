import type { ChannelDto } from "@/lib/contract/notifications";
import type { Page } from "@/lib/contract/primitives";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { loadChannels } from "./load-channels";

/** The channels whose services and environments the actor may see all of, by name, without their secrets. @throws AppError forbidden */
export async function listChannels({ ctx }: { ctx: Ctx }): Promise<Page<ChannelDto>> {
  authorise(ctx, "channels.read");
  const channels = await loadChannels(ctx.db);
  return { items: channels.filter(({ service, environment }) => visibleTo(ctx, "channels.read", { service, environment })), nextCursor: null };
}
