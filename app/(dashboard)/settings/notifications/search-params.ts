import { parseAsStringLiteral } from "nuqs/server";

export const DELIVERY_FILTERS = ["pending", "sent", "failed"] as const;

export const notificationsParams = {
  status: parseAsStringLiteral(DELIVERY_FILTERS).withOptions({ history: "replace" }),
};
