import { mapDto } from "@/lib/contract/fleet";
import { getMap } from "@/server/drift/get-map";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "fleet.map",
  summary: "Every instance as one cell, by agent",
  auth: "session",
  output: mapDto,
  run: ({ ctx }) => getMap({ ctx }),
});
