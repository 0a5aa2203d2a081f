import { z } from "zod";
import { changeExecutorRequest, createdExecutor, removedExecutor } from "@/lib/contract/executors";
import { uuid } from "@/lib/contract/primitives";
import { changeExecutor } from "@/server/executors/change-executor";
import { removeExecutor } from "@/server/executors/remove-executor";
import { handle } from "@/server/http/handle";

const params = z.strictObject({ id: uuid });

export const PATCH = handle({
  verb: "executors.change",
  summary: "Change an executor or its secret; what is left out stays",
  auth: "session",
  input: { params, body: changeExecutorRequest },
  output: createdExecutor,
  keepAnswer: false,
  run: ({ ctx, input }) => changeExecutor({ ctx, input: { ...input.body, id: input.params.id } }),
});

export const DELETE = handle({
  verb: "executors.remove",
  summary: "Take an executor out of use at once",
  auth: "session",
  input: { params },
  output: removedExecutor,
  run: ({ ctx, input }) => removeExecutor({ ctx, input: input.params }),
});
