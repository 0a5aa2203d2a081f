import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { releaseDto } from "@/lib/contract/releases";
import { handle } from "@/server/http/handle";
import { getRelease } from "@/server/releases/list-releases";

export const GET = handle({
  verb: "releases.get",
  summary: "One release",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }) },
  output: releaseDto,
  run: ({ ctx, input }) => getRelease({ ctx, input: input.params }),
});
