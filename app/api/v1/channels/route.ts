import { channelDto, channelWritten, createChannelRequest } from "@/lib/contract/notifications";
import { page } from "@/lib/contract/primitives";
import { handle } from "@/server/http/handle";
import { createChannel } from "@/server/notifications/create-channel";
import { listChannels } from "@/server/notifications/list-channels";

export const GET = handle({ verb: "channels.list", summary: "Where notifications go, without their secrets", auth: "session", output: page(channelDto), run: listChannels });

export const POST = handle({
  verb: "channels.create",
  summary: "Make a channel for notifications; a signing secret that is made for it is shown once",
  auth: "session",
  input: { body: createChannelRequest },
  output: channelWritten,
  status: 201,
  keepAnswer: false,
  run: ({ ctx, input }) => createChannel({ ctx, input: input.body }),
});
