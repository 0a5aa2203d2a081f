import { mappingDto, putMappingRequest } from "@/lib/contract/mapping";
import { handle } from "@/server/http/handle";
import { getMapping } from "@/server/mapping/get-mapping";
import { putMapping } from "@/server/mapping/put-mapping";

export const GET = handle({ verb: "mapping.get", summary: "The rules by which facts are mapped to services, with the versions before", auth: "session", output: mappingDto, run: ({ ctx }) => getMapping({ ctx }) });

export const PUT = handle({
  verb: "mapping.write",
  summary: "Decide the rules by which facts are mapped to services, and move the fleet there",
  auth: "session",
  input: { body: putMappingRequest },
  output: mappingDto,
  run: ({ ctx, input }) => putMapping({ ctx, input: input.body }),
});
