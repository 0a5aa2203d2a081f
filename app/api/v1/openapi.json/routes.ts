import type { RouteHandler } from "@/server/http/handle";
import type { DescribedRoute } from "@/server/http/describe-api";
import { agentRoutes } from "@/server/http/agent-routes";
import * as agentsRevoke from "../agents/revoke/route";
import * as approvals from "../approvals/route";
import * as approvalsWithdraw from "../approvals/withdraw/route";
import * as enrolments from "../enrolments/route";
import * as environments from "../environments/route";
import * as events from "../events/route";
import * as holdsLift from "../holds/lift/route";
import * as invitations from "../invitations/route";
import * as ledgerCheckpoint from "../ledger/checkpoint/route";
import * as ledgerEntries from "../ledger/entries/route";
import * as ledgerExport from "../ledger/export/route";
import * as ledgerProofConsistency from "../ledger/proof/consistency/route";
import * as ledgerProofInclusion from "../ledger/proof/inclusion/route";
import * as pools from "../pools/route";
import * as promotions from "../promotions/route";
import * as recalls from "../recalls/route";
import * as reconverge from "../reconverge/route";
import * as releases from "../releases/route";
import * as releasesId from "../releases/[id]/route";
import * as rollbacks from "../rollbacks/route";
import * as rollbacksPreview from "../rollbacks/preview/route";
import * as rollouts from "../rollouts/route";
import * as rolloutsId from "../rollouts/[id]/route";
import * as rolloutsIdAbort from "../rollouts/[id]/abort/route";
import * as rolloutsIdPause from "../rollouts/[id]/pause/route";
import * as rolloutsIdResume from "../rollouts/[id]/resume/route";
import * as session from "../session/route";
import * as setup from "../setup/route";
import * as setupLink from "../setup/link/route";
import * as tokens from "../tokens/route";
import * as tokensId from "../tokens/[id]/route";

const API: readonly { path: string; handlers: Record<string, RouteHandler> }[] = [
  { path: "/api/v1/agents/revoke", handlers: agentsRevoke },
  { path: "/api/v1/approvals", handlers: approvals },
  { path: "/api/v1/approvals/withdraw", handlers: approvalsWithdraw },
  { path: "/api/v1/enrolments", handlers: enrolments },
  { path: "/api/v1/environments", handlers: environments },
  { path: "/api/v1/events", handlers: events },
  { path: "/api/v1/holds/lift", handlers: holdsLift },
  { path: "/api/v1/invitations", handlers: invitations },
  { path: "/api/v1/ledger/checkpoint", handlers: ledgerCheckpoint },
  { path: "/api/v1/ledger/entries", handlers: ledgerEntries },
  { path: "/api/v1/ledger/export", handlers: ledgerExport },
  { path: "/api/v1/ledger/proof/consistency", handlers: ledgerProofConsistency },
  { path: "/api/v1/ledger/proof/inclusion", handlers: ledgerProofInclusion },
  { path: "/api/v1/pools", handlers: pools },
  { path: "/api/v1/promotions", handlers: promotions },
  { path: "/api/v1/recalls", handlers: recalls },
  { path: "/api/v1/reconverge", handlers: reconverge },
  { path: "/api/v1/releases", handlers: releases },
  { path: "/api/v1/releases/{id}", handlers: releasesId },
  { path: "/api/v1/rollbacks", handlers: rollbacks },
  { path: "/api/v1/rollbacks/preview", handlers: rollbacksPreview },
  { path: "/api/v1/rollouts", handlers: rollouts },
  { path: "/api/v1/rollouts/{id}", handlers: rolloutsId },
  { path: "/api/v1/rollouts/{id}/abort", handlers: rolloutsIdAbort },
  { path: "/api/v1/rollouts/{id}/pause", handlers: rolloutsIdPause },
  { path: "/api/v1/rollouts/{id}/resume", handlers: rolloutsIdResume },
  { path: "/api/v1/session", handlers: session },
  { path: "/api/v1/setup", handlers: setup },
  { path: "/api/v1/setup/link", handlers: setupLink },
  { path: "/api/v1/tokens", handlers: tokens },
  { path: "/api/v1/tokens/{id}", handlers: tokensId },
];

/** Every route of the API: what the description describes. A test holds it against the files. */
export const routes: readonly DescribedRoute[] = [...API, ...agentRoutes.map(({ method, path, handler }) => ({ path, handlers: { [method]: handler } }))];
