import { z } from "zod";
import { removedHook } from "@/lib/contract/hooks";
import { uuid } from "@/lib/contract/primitives";
import { removeHook } from "@/server/hooks/remove-hook";
import { handle } from "@/server/http/handle";

export const DELETE = handle({
  verb: "hooks.remove",
  summary: "Close a hook at once",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }) },
  output: removedHook,
  run: ({ ctx, input }) => removeHook({ ctx, input: input.params }),
});
