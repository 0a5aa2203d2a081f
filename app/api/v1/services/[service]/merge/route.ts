import { z } from "zod";
import { name } from "@/lib/contract/primitives";
import { mergeServiceRequest, serviceNamesDto } from "@/lib/contract/services";
import { handle } from "@/server/http/handle";
import { mergeService } from "@/server/services/merge-service";

export const POST = handle({
  verb: "services.merge",
  summary: "Make one service of two: all that is of the one is the other's",
  auth: "session",
  input: { params: z.strictObject({ service: name }), body: mergeServiceRequest },
  output: serviceNamesDto,
  run: ({ ctx, input }) => mergeService({ ctx, service: input.params.service, input: input.body }),
});
