import { grantWaiverRequest, waiverDto, waiverPage, waiversQuery } from "@/lib/contract/policies";
import { handle } from "@/server/http/handle";
import { grantWaiver } from "@/server/policies/grant-waiver";
import { listWaivers } from "@/server/policies/list-waivers";

export const GET = handle({ verb: "waivers.list", summary: "Waivers, with what each covers now", auth: "session", input: { query: waiversQuery }, output: waiverPage, run: ({ ctx, input }) => listWaivers({ ctx, input: input.query }) });

export const POST = handle({
  verb: "waivers.grant",
  summary: "Excuse one category of drift at a place until a time",
  auth: "session",
  input: { body: grantWaiverRequest },
  output: waiverDto,
  status: 201,
  run: ({ ctx, input }) => grantWaiver({ ctx, input: input.body }),
});
