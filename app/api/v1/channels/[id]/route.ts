import { z } from "zod";
import { changeChannelRequest, channelWritten, removedDto } from "@/lib/contract/notifications";
import { uuid } from "@/lib/contract/primitives";
import { handle } from "@/server/http/handle";
import { changeChannel } from "@/server/notifications/change-channel";
import { removeChannel } from "@/server/notifications/remove-channel";

const params = z.strictObject({ id: uuid });

export const PATCH = handle({
  verb: "channels.change",
  summary: "Change a channel, or switch it on or off; what is left out stays",
  auth: "session",
  input: { params, body: changeChannelRequest },
  output: channelWritten,
  run: ({ ctx, input }) => changeChannel({ ctx, input: { ...input.body, id: input.params.id } }),
});

export const DELETE = handle({
  verb: "channels.remove",
  summary: "Remove a channel and its secret",
  auth: "session",
  input: { params },
  output: removedDto,
  run: ({ ctx, input }) => removeChannel({ ctx, input: input.params }),
});
