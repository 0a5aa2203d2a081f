import { hookAnswer } from "@/lib/contract/hooks";
import { fromArgocd } from "@/lib/contract/hooks/from-argocd";
import { readMessage, takeMessage } from "@/server/hooks/take-message";
import { handle } from "@/server/http/handle";

export const POST = handle({
  verb: "hooks.argocd",
  summary: "Announce a sync of Argo CD, by the template of docs/external-deployments.md",
  auth: "session",
  output: hookAnswer,
  run: async ({ ctx, request }) => takeMessage(ctx, fromArgocd((await readMessage(request)).json())),
});
