import { randomUUID } from "node:crypto";
import type { TestedExecutor } from "@/lib/contract/executors";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";
import { OutboundError } from "@/server/outbound/outbound-error";
import { UnsealError } from "@/server/outbound/seal-secret";
import { sendRequest } from "@/server/outbound/send-request";
import { complainsAboutRef, describeAnswer } from "./describe-answer";
import { readExecutor, secretOf } from "./executor-row";
import { testRequest } from "./executor-request";

/**
 * Tries an executor out, now, without starting anything there, and says what came back. Nothing is written: it decides nothing.
 * @throws AppError forbidden, not-found
 */
export async function testExecutor({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<TestedExecutor> {
  const executor = await readExecutor(ctx.db, input.id);
  authorise(ctx, "executors.write", executor ? { service: executor.service_pattern, environment: executor.environment_pattern } : {});
  if (!executor || executor.removed_at) throw notFound("executor");
  const { config } = executor;
  const now = new Date();
  try {
    const secret = secretOf(ctx, executor);
    const message = { type: "test" as const, timestamp: now.toISOString(), data: { executor: { id: executor.id, name: executor.name }, sentBy: ctx.actor.name } };
    const answer = await sendRequest(ctx, testRequest(config, message, { id: `test_${randomUUID().replaceAll("-", "")}`, now, secret }));
    if (config.kind === "gitlab") {
      if (complainsAboutRef(answer)) return { ok: true, status: answer.status, sentence: "GitLab knows the project and accepts the token. Nothing was started." };
      const { sentence } = describeAnswer(config.kind, answer, secret);
      return { ok: false, status: answer.status, sentence: `${sentence} The project or the token is not known there.` };
    }
    const { ok, sentence } = describeAnswer(config.kind, answer, secret);
    if (!ok || config.kind === "webhook") return { ok, status: answer.status, sentence };
    return { ok, status: answer.status, sentence: config.workflow === null ? `${sentence} It took an event that starts nothing.` : `${sentence} The workflow ${config.workflow} is there. Whether the token may run it shows when it is run.` };
  } catch (error) {
    if (error instanceof OutboundError || error instanceof UnsealError) return { ok: false, status: error instanceof OutboundError ? error.status : null, sentence: error.message };
    throw error;
  }
}
