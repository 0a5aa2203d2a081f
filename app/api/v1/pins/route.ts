import { pinDto, pinPage, pinRequest, pinsQuery } from "@/lib/contract/partitions";
import { handle } from "@/server/http/handle";
import { listPins } from "@/server/policies/list-pins";
import { pinPartition } from "@/server/policies/pin-partition";

export const GET = handle({ verb: "pins.list", summary: "Pins, with what each keeps in place", auth: "session", input: { query: pinsQuery }, output: pinPage, run: ({ ctx, input }) => listPins({ ctx, input: input.query }) });

export const POST = handle({
  verb: "pins.place",
  summary: "Pin a partition to what is assigned there",
  auth: "session",
  input: { body: pinRequest },
  output: pinDto,
  status: 201,
  run: ({ ctx, input }) => pinPartition({ ctx, input: input.body }),
});
