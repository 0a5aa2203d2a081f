import { partitionsDto, partitionsQuery, putPartitionsRequest } from "@/lib/contract/partitions";
import { handle } from "@/server/http/handle";
import { listPartitions } from "@/server/partitions/list-partitions";
import { putPartitions } from "@/server/partitions/put-partitions";

export const GET = handle({ verb: "partitions.list", summary: "The partitions of a service in an environment, in order", auth: "session", input: { query: partitionsQuery }, output: partitionsDto, run: ({ ctx, input }) => listPartitions({ ctx, input: input.query }) });

export const PUT = handle({
  verb: "partitions.write",
  summary: "Declare the partitions of a service in an environment",
  auth: "session",
  input: { body: putPartitionsRequest },
  output: partitionsDto,
  run: ({ ctx, input }) => putPartitions({ ctx, input: input.body }),
});
