import { createEnrolmentRequest, enrolmentDto } from "@/lib/contract/access";
import { createEnrolment } from "@/server/access/create-enrolment";
import { handle } from "@/server/http/handle";

export const POST = handle({
  verb: "agents.enrol",
  summary: "An enrolment token and the line to run on the host",
  auth: "session",
  input: { body: createEnrolmentRequest },
  output: enrolmentDto,
  status: 201,
  keepAnswer: false,
  run: ({ ctx, input }) => createEnrolment({ ctx, input: input.body }),
});
