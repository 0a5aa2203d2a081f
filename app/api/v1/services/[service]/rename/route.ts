import { z } from "zod";
import { name } from "@/lib/contract/primitives";
import { renameServiceRequest, serviceNamesDto } from "@/lib/contract/services";
import { handle } from "@/server/http/handle";
import { renameService } from "@/server/services/rename-service";

export const POST = handle({
  verb: "services.rename",
  summary: "Give a service another name; the old one goes on meaning it",
  auth: "session",
  input: { params: z.strictObject({ service: name }), body: renameServiceRequest },
  output: serviceNamesDto,
  run: ({ ctx, input }) => renameService({ ctx, service: input.params.service, input: input.body }),
});
