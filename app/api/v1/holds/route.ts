import { holdDto, holdPage, holdsQuery, placeHoldRequest } from "@/lib/contract/policies";
import { handle } from "@/server/http/handle";
import { listHolds } from "@/server/policies/list-holds";
import { placeHold } from "@/server/policies/place-hold";

export const GET = handle({ verb: "holds.list", summary: "The holds that stand", auth: "session", input: { query: holdsQuery }, output: holdPage, run: ({ ctx, input }) => listHolds({ ctx, input: input.query }) });

export const POST = handle({
  verb: "holds.place",
  summary: "Hold promotions at a place until somebody lifts it",
  auth: "session",
  input: { body: placeHoldRequest },
  output: holdDto,
  status: 201,
  run: ({ ctx, input }) => placeHold({ ctx, input: input.body }),
});
