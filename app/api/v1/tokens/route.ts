import { createTokenRequest, createdToken, tokenDto } from "@/lib/contract/access";
import { page } from "@/lib/contract/primitives";
import { createToken } from "@/server/access/create-token";
import { listTokens } from "@/server/access/list-tokens";
import { handle } from "@/server/http/handle";

export const GET = handle({ verb: "tokens.list", summary: "API tokens, without their secrets", auth: "session", output: page(tokenDto), run: listTokens });

export const POST = handle({
  verb: "tokens.create",
  summary: "Make an API token; its secret is shown once",
  auth: "session",
  input: { body: createTokenRequest },
  output: createdToken,
  status: 201,
  keepAnswer: false,
  run: ({ ctx, input }) => createToken({ ctx, input: input.body }),
});
