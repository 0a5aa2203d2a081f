import { z } from "zod";
import { serviceDto } from "@/lib/contract/fleet";
import { name } from "@/lib/contract/primitives";
import { getService } from "@/server/drift/get-service";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "services.get",
  summary: "One service in every environment",
  auth: "session",
  input: { params: z.strictObject({ service: name }) },
  output: serviceDto,
  run: ({ ctx, input }) => getService({ ctx, input: input.params }),
});
