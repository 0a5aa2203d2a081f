import { formatCount } from "@/components/ui/format";

/** Who counts nowhere any more: `3 gone, 7 withdrawn`; empty for nobody. */
export function leftWords({ gone, withdrawn }: { gone: number; withdrawn: number }): string {
  return [gone > 0 ? `${formatCount(gone)} gone` : "", withdrawn > 0 ? `${formatCount(withdrawn)} withdrawn` : ""].filter(Boolean).join(", ");
}
