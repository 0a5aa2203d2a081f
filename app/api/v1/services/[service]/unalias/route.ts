import { z } from "zod";
import { name } from "@/lib/contract/primitives";
import { unaliasServiceRequest, serviceNamesDto } from "@/lib/contract/services";
import { handle } from "@/server/http/handle";
import { unaliasService } from "@/server/services/unalias-service";

export const POST = handle({
  verb: "services.unalias",
  summary: "Let a name that was added mean a service no longer",
  auth: "session",
  input: { params: z.strictObject({ service: name }), body: unaliasServiceRequest },
  output: serviceNamesDto,
  run: ({ ctx, input }) => unaliasService({ ctx, service: input.params.service, input: input.body }),
});
