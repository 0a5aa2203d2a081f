import { announceRequest } from "@/lib/contract/deployments";
import type { HookAnswer } from "@/lib/contract/hooks";
import type { Translated } from "@/lib/contract/hooks/translated";
import type { Ctx } from "@/server/context";
import { MAX_DEPTH } from "@/lib/contract/agent";
import { AppError } from "@/server/errors";
import type { IncomingCall } from "@/server/http/call";
import { decodeText, readBytes } from "@/server/http/read-body";
import { parseJson } from "@/server/http/scan-json";
import { announceDeployment } from "@/server/rollouts/external/announce-deployment";

/** The types in which senders put JSON; CloudEvents have their own. */
const JSON_TYPE = /^application\/(?:cloudevents\+)?json(?:\s*;.*)?$/i;

/** The body of a message, as bytes to hold a signature against and as what it says. @throws AppError unsupported, too-large, invalid */
export async function readMessage(request: IncomingCall): Promise<{ bytes: Uint8Array; json: () => unknown }> {
  if (!JSON_TYPE.test(request.headers.get("content-type")?.trim() ?? "")) throw new AppError("unsupported", "Send the message as application/json or application/cloudevents+json.", { type: "not-json" });
  const bytes = await readBytes(request);
  return { bytes, json: () => parseJson(decodeText(bytes), { maxDepth: MAX_DEPTH }) };
}

/** Announces what a message comes to; one that comes to nothing is answered with why. @throws AppError as `announceDeployment` */
export async function takeMessage(ctx: Ctx, translated: Translated): Promise<HookAnswer> {
  if ("ignored" in translated) return { sentence: translated.ignored, announcement: null };
  const announcement = await announceDeployment({ ctx, input: announceRequest.parse(translated.announce) });
  return { sentence: announcement.sentence, announcement };
}
