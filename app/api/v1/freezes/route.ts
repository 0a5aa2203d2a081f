import { freezeDto, freezePage, freezesQuery, placeFreezeRequest } from "@/lib/contract/freezes";
import { handle } from "@/server/http/handle";
import { listFreezes } from "@/server/policies/list-freezes";
import { placeFreeze } from "@/server/policies/place-freeze";

export const GET = handle({ verb: "freezes.list", summary: "Freezes, with where each stands now", auth: "session", input: { query: freezesQuery }, output: freezePage, run: ({ ctx, input }) => listFreezes({ ctx, input: input.query }) });

export const POST = handle({
  verb: "freezes.place",
  summary: "Freeze promotions, once or by a window that comes back",
  auth: "session",
  input: { body: placeFreezeRequest },
  output: freezeDto,
  status: 201,
  run: ({ ctx, input }) => placeFreeze({ ctx, input: input.body }),
});
