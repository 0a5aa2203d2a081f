import { explainReason, type RefusalReason } from "@/lib/domain/rollout/reasons";
import { AppError, notFound, type ErrorKind } from "@/server/errors";

/**
 * The answer to a refused decision. What does not exist is 404, what one may not do is 403, a view that has moved or
 * something under way is 409; the rest cannot be done as asked, 422. Every reason travels along, in words.
 */
export function refusal(reasons: readonly RefusalReason[]): AppError {
  const [first] = reasons;
  if (!first) return new AppError("conflict", "Refused.");
  const forbidden = reasons.find(({ reason }) => reason === "not-permitted");
  const stale = reasons.find((reason) => reason.reason === "stale-view");
  // Who decided on another state is told that before anything that follows from it.
  const leading = forbidden ?? stale ?? first;
  if (leading.reason === "service-unknown") return notFound("service");
  if (leading.reason === "environment-unknown") return notFound("environment");
  return new AppError(kindOf(leading), explainReason(leading), {
    type: leading.reason,
    reasons: reasons.map((reason) => ({ reason: reason.reason, sentence: explainReason(reason) })),
    ...(stale?.reason === "stale-view" && { changed: [...stale.changes] }),
  });
}

/** What is said instead of "no such release" when none was named, and none could be offered. */
export const NO_CANDIDATE = "No earlier release is known to have run here that may run again. Name a version, or reconverge what left the assigned one.";

function kindOf({ reason }: RefusalReason): ErrorKind {
  switch (reason) {
    case "not-permitted":
      return "forbidden";
    case "service-unknown":
    case "environment-unknown":
    case "partition-unknown":
    case "release-unknown":
      return "not-found";
    case "stale-view":
    case "rollout-active":
    case "held":
    case "frozen":
    case "pinned":
    case "identical":
    case "recalled":
    case "not-approved":
      return "conflict";
    case "wrong-service":
    case "newer-than-assigned":
    case "nothing-assigned":
    case "no-targets":
    case "nothing-can-act":
    case "needs-forward-fix":
    case "not-confirmed":
      return "unprocessable";
    default:
      return reason satisfies never;
  }
}
