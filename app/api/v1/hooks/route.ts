import { createHookRequest, createdHook, hookPage } from "@/lib/contract/hooks";
import { createHook } from "@/server/hooks/create-hook";
import { listHooks } from "@/server/hooks/list-hooks";
import { handle } from "@/server/http/handle";

export const GET = handle({ verb: "hooks.list", summary: "Doors for deployers that sign instead of sending a token, without secrets", auth: "session", output: hookPage, run: listHooks });

export const POST = handle({
  verb: "hooks.create",
  summary: "Make a hook; its secret is shown once",
  auth: "session",
  input: { body: createHookRequest },
  output: createdHook,
  status: 201,
  keepAnswer: false,
  run: ({ ctx, input }) => createHook({ ctx, input: input.body }),
});
