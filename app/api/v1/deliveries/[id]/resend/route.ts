import { z } from "zod";
import { deliveryDto } from "@/lib/contract/notifications";
import { uuid } from "@/lib/contract/primitives";
import { handle } from "@/server/http/handle";
import { resendDelivery } from "@/server/notifications/resend-delivery";

export const POST = handle({
  verb: "deliveries.resend",
  summary: "Send a delivery once more, under the same message id",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), body: z.strictObject({}) },
  output: deliveryDto,
  status: 202,
  run: ({ ctx, input }) => resendDelivery({ ctx, input: input.params }),
});
