import { instancePage, instancesQuery } from "@/lib/contract/fleet";
import { listInstances } from "@/server/drift/list-instances";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "instances.list",
  summary: "Running copies, worst first",
  auth: "session",
  input: { query: instancesQuery },
  output: instancePage,
  run: ({ ctx, input }) => listInstances({ ctx, input: input.query }),
});
