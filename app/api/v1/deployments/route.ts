import { announceRequest, announcementDto, announcementPage, announcementsQuery } from "@/lib/contract/deployments";
import { handle } from "@/server/http/handle";
import { announceDeployment } from "@/server/rollouts/external/announce-deployment";
import { listAnnouncements } from "@/server/rollouts/external/list-announcements";

export const GET = handle({ verb: "deployments.list", summary: "What deployers said of deployments that they carry out", auth: "session", input: { query: announcementsQuery }, output: announcementPage, run: ({ ctx, input }) => listAnnouncements({ ctx, input: input.query }) });

export const POST = handle({
  verb: "deployments.announce",
  summary: "Say that a deployment that others carry out has started, is done or failed",
  auth: "session",
  input: { body: announceRequest },
  output: announcementDto,
  run: ({ ctx, input }) => announceDeployment({ ctx, input: input.body }),
});
