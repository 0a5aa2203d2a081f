import type { SessionDto } from "@/lib/contract/access";
import type { Ctx } from "@/server/context";

/** Who asks, and what they may do now. */
export async function getSession({ ctx }: { ctx: Ctx }): Promise<SessionDto> {
  const { actor, config } = ctx;
  return { actor: actor.id, name: actor.name, kind: actor.kind, demo: config.demo, roles: actor.roles.map(({ role, service, environment }) => ({ role, service, environment })) };
}
