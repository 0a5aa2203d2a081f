import { deliveryPage, listDeliveriesQuery } from "@/lib/contract/notifications";
import { handle } from "@/server/http/handle";
import { listDeliveries } from "@/server/notifications/list-deliveries";

export const GET = handle({
  verb: "deliveries.list",
  summary: "What was sent to channels and executors, is to be sent, or was given up, newest first",
  auth: "session",
  input: { query: listDeliveriesQuery },
  output: deliveryPage,
  run: ({ ctx, input }) => listDeliveries({ ctx, input: input.query }),
});
