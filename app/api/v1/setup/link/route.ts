import { setupLinkDto } from "@/lib/contract/access";
import { requestSetupLink } from "@/server/access/request-setup-link";
import { handle } from "@/server/http/handle";

export const POST = handle({
  verb: "setup.link",
  summary: "A new set-up link, for whoever holds the local key (Authorization: Local <key>) and asks from this machine",
  auth: "none",
  output: setupLinkDto,
  status: 201,
  run: ({ ctx, request }) => requestSetupLink({ ctx, request }),
});
