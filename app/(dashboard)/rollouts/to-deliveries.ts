import type { DeliveryRow } from "@/components/rollouts/delivery-list";
import { formatTime } from "@/components/ui/format";
import type { DeliveryDto } from "@/lib/contract/notifications";

/** Deliveries as rows, newest first as given. `settled`: it may be sent again. */
export function toDeliveries(deliveries: readonly DeliveryDto[]): (Omit<DeliveryRow, "action"> & { settled: boolean })[] {
  return deliveries.map((delivery) => ({
    key: delivery.id,
    at: delivery.sentAt ?? delivery.createdAt,
    to: delivery.channel?.name ?? delivery.executor?.name ?? "nobody",
    text: delivery.sentence,
    shape: delivery.status === "sent" ? "match" : delivery.status === "failed" ? "alert" : "rolling",
    state: describe(delivery),
    error: delivery.status === "sent" ? null : delivery.lastError,
    settled: delivery.status !== "pending",
  }));
}

function describe({ status, attempts, nextAttemptAt, resendOf, lastStatus }: DeliveryDto): string {
  const again = resendOf === null ? "" : ", sent again";
  switch (status) {
    case "sent":
      return `arrived${again}`;
    case "failed":
      return `given up after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}${lastStatus === null ? "" : `, answered ${lastStatus}`}`;
    case "pending":
      return attempts === 0 ? "on its way" : `tried ${attempts} ${attempts === 1 ? "time" : "times"}${nextAttemptAt === null ? "" : `, again at ${formatTime(nextAttemptAt)}`}`;
    default:
      return status satisfies never;
  }
}
