import { authorityDto, putAuthorityRequest } from "@/lib/contract/authority";
import { putAuthority } from "@/server/authority/put-authority";
import { handle } from "@/server/http/handle";

export const PUT = handle({
  verb: "authority.write",
  summary: "Decide who decides at a place: Plumbline, or others whose rollouts it follows",
  auth: "session",
  input: { body: putAuthorityRequest },
  output: authorityDto,
  run: ({ ctx, input }) => putAuthority({ ctx, input: input.body }),
});
