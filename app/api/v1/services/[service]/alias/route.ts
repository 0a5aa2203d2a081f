import { z } from "zod";
import { name } from "@/lib/contract/primitives";
import { aliasServiceRequest, serviceNamesDto } from "@/lib/contract/services";
import { handle } from "@/server/http/handle";
import { aliasService } from "@/server/services/alias-service";

export const POST = handle({
  verb: "services.alias",
  summary: "Make another name mean a service",
  auth: "session",
  input: { params: z.strictObject({ service: name }), body: aliasServiceRequest },
  output: serviceNamesDto,
  run: ({ ctx, input }) => aliasService({ ctx, service: input.params.service, input: input.body }),
});
