import type { SetupLinkDto } from "@/lib/contract/access";
import type { Ctx } from "@/server/context";
import { AppError } from "@/server/errors";
import type { IncomingCall } from "@/server/http/call";
import { isLoopbackAddress, peerOf } from "@/server/http/peer";
import { hitLimit } from "@/server/http/request-limits";
import { createSetupLink } from "./ensure-setup-link";
import { equalSecrets } from "./secret-token";

/**
 * A new set-up link for whoever can read this installation's key files and asks from this machine.
 * @throws AppError unauthenticated, rate-limited
 */
export async function requestSetupLink({ ctx, request }: { ctx: Ctx; request: IncomingCall }): Promise<SetupLinkDto> {
  const key = /^Local ([0-9a-f]{64})$/.exec(request.headers.get("authorization")?.trim() ?? "")?.[1];
  const here = isLoopbackAddress(peerOf(request));
  if (!here || key === undefined || !equalSecrets(key, ctx.keys.localKey)) {
    await hitLimit(ctx, `local-key:${peerOf(request) ?? "unknown"}`, { max: 20, windowMs: 60_000 });
    throw new AppError("unauthenticated", "This needs the local key of the installation, from the machine that it runs on.");
  }
  return createSetupLink({ ctx });
}
