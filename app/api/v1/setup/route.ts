import { setupDto, setupRequest } from "@/lib/contract/access";
import { setUpPerson } from "@/server/access/set-up-person";
import { signInHeaders } from "@/server/auth/sign-in";
import { Reply, handle } from "@/server/http/handle";
import { asRequest } from "@/server/http/call";
import { limitByPeer } from "@/server/http/request-limits";

export const POST = handle({
  verb: "setup.use",
  summary: "Turn a set-up link or an invitation into an account and sign in",
  auth: "none",
  input: { body: setupRequest },
  output: setupDto,
  status: 201,
  run: async ({ ctx, input, request }) => {
    await limitByPeer(ctx, request, "setup", { max: 20, windowMs: 60_000 });
    const made = await setUpPerson({ ctx, input: input.body });
    return new Reply(made, { status: 201, headers: await signInHeaders(ctx, asRequest(request), { email: made.email, password: input.body.password }) });
  },
});
