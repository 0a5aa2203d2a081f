import { inviteRequest, invitedDto } from "@/lib/contract/access";
import { invitePerson } from "@/server/access/invite-person";
import { handle } from "@/server/http/handle";

export const POST = handle({
  verb: "users.invite",
  summary: "A single-use link by which one person gets an account",
  auth: "session",
  input: { body: inviteRequest },
  output: invitedDto,
  status: 201,
  keepAnswer: false,
  run: ({ ctx, input }) => invitePerson({ ctx, input: input.body }),
});
