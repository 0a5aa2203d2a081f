import type { RoleInScope } from "@/lib/domain/access/permissions";
import type { Config } from "./config";
import type { Db } from "./db";
import type { Keys } from "./ledger/keys";
import type { Log } from "./log";

/** Who asks. `personId` is the person answerable for it: four eyes count people, not sessions or tokens. */
export type Actor = {
  id: string;
  kind: "person" | "token" | "agent" | "system";
  name: string;
  personId: string;
  roles: RoleInScope[];
};

/** What lives as long as the process. */
export type App = { config: Config; db: Db; keys: Keys; log: Log };

/** What a verb gets beside its input. */
export type Ctx = App & { actor: Actor; requestId: string };

/** The one actor that is nobody's request: jobs and first start. Its row is made by the first start. */
export const SYSTEM_ACTOR_ID = "00000000-0000-4000-8000-000000000001";
export const SYSTEM_ACTOR: Actor = { id: SYSTEM_ACTOR_ID, kind: "system", name: "Plumbline", personId: SYSTEM_ACTOR_ID, roles: [] };

export function systemContext(app: App, requestId = "job"): Ctx {
  return { ...app, actor: SYSTEM_ACTOR, requestId };
}
