import { z } from "zod";
import { deliveryDto } from "@/lib/contract/notifications";
import { uuid } from "@/lib/contract/primitives";
import { handle } from "@/server/http/handle";
import { testChannel } from "@/server/notifications/test-channel";

export const POST = handle({
  verb: "channels.test",
  summary: "Send a test to a channel; the delivery says what came of it",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), body: z.strictObject({}) },
  output: deliveryDto,
  status: 202,
  run: ({ ctx, input }) => testChannel({ ctx, input: input.params }),
});
