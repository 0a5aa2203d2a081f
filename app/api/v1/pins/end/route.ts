import { unpinnedDto, unpinRequest } from "@/lib/contract/partitions";
import { handle } from "@/server/http/handle";
import { unpinPartition } from "@/server/policies/unpin-partition";

export const POST = handle({ verb: "pins.end", summary: "Unpin a partition", auth: "session", input: { body: unpinRequest }, output: unpinnedDto, run: ({ ctx, input }) => unpinPartition({ ctx, input: input.body }) });
