import { doctorDto, doctorQuery } from "@/lib/contract/doctor";
import { readDoctor } from "@/server/drift/read-doctor";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "doctor.read",
  summary: "Why a service looks the way it does: which facts, which rules, which digests, in order",
  auth: "session",
  input: { query: doctorQuery },
  output: doctorDto,
  run: ({ ctx, input }) => readDoctor({ ctx, input: input.query }),
});
