import { z } from "zod";
import type { Problem } from "@/lib/contract/problem";
import { isDatabaseUnavailable, sqlStateOf } from "@/server/db";
import { toResponse, type Answer } from "./call";
import { AppError, ERROR_KINDS, type ErrorKind, type FieldProblem } from "@/server/errors";

const TITLES: Record<ErrorKind, string> = {
  invalid: "The request is not valid",
  unauthenticated: "Not signed in",
  forbidden: "Not allowed",
  "not-found": "Not found",
  conflict: "It has changed, or is already so",
  "too-large": "Too large",
  unsupported: "Unsupported",
  unprocessable: "Refused",
  "rate-limited": "Too many requests",
  unavailable: "Not available now",
};

/** `instances[3].image` for ["instances", 3, "image"]; the empty text for the whole input. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? String(part) : `${text}.${String(part)}`), "");
}

const MOST_FIELDS = 50;

/** What is wrong where; an unknown field is named itself. */
export function fieldsOf(error: z.ZodError): FieldProblem[] {
  const fields = error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: formatPath([...issue.path, key.slice(0, 100)]), message: "is not a known field" }))
      : [{ path: formatPath(issue.path), message: issue.message }],
  );
  return fields.slice(0, MOST_FIELDS);
}

/** What the database's own rules refused: a verb should have said it better, but it is the caller's input. */
function refusedByDatabase(error: unknown): AppError | null {
  const state = sqlStateOf(error);
  if (state === "23505") return new AppError("conflict", "Something with this name or key is already there.", { type: "already-exists" });
  if (state === "42501") return new AppError("forbidden", "The database's rules do not allow this.", { type: "not-permitted" });
  if (state?.startsWith("23")) return new AppError("unprocessable", "The database's rules refuse this input.", { type: "refused-by-rule" });
  if (state?.startsWith("22")) return new AppError("invalid", "A value in the request cannot be stored.", { type: "value-out-of-range" });
  return null;
}

/**
 * The refusal that an error stands for; null for one that nobody foresaw, which must be logged and answered with 500
 * and no detail.
 */
export function toAppError(error: unknown): AppError | null {
  if (error instanceof AppError) return error;
  if (error instanceof z.ZodError) {
    const fields = fieldsOf(error);
    const [first] = fields;
    return new AppError("invalid", first ? `${first.path === "" ? "The input" : first.path} ${lowerFirst(first.message)}${fields.length > 1 ? `, and ${fields.length - 1} more` : ""}` : "The input is not valid.", { fields });
  }
  if (isDatabaseUnavailable(error)) {
    const full = sqlStateOf(error) === "53100";
    return new AppError("unavailable", full ? "The database's disk is full; nothing was written." : "The database is not available now. Try again.", { type: full ? "disk-full" : "database-unavailable", retryAfterSeconds: full ? 30 : 2 });
  }
  return refusedByDatabase(error);
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** An error as an RFC 9457 problem document. `error` null: something nobody foresaw, told without any detail. */
export function problemAnswer(error: AppError | null, requestId: string, headers: Record<string, string> = {}): Answer {
  const status = error ? ERROR_KINDS[error.kind] : 500;
  const { type, fields, reasons, changed, accepts, retryAfterSeconds } = error?.extras ?? {};
  const body: Problem = {
    type: `/problems/${type ?? error?.kind ?? "internal"}`,
    title: error ? TITLES[error.kind] : "Something went wrong",
    status,
    detail: error?.message ?? "An error that nobody foresaw. The server's log has it under the request id.",
    requestId,
    ...(fields && { fields }),
    ...(reasons && { reasons }),
    ...(changed && { changed }),
    ...(accepts && { accepts }),
  };
  const retryAfter = retryAfterSeconds ?? (error?.kind === "unavailable" ? 2 : error?.kind === "rate-limited" ? 60 : undefined);
  const all = {
    "content-type": "application/problem+json",
    ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    ...(status === 401 && { "www-authenticate": "Bearer" }),
    ...headers,
  };
  return { status, headers: Object.entries(all), body: JSON.stringify(body) };
}

export function problemResponse(error: AppError | null, requestId: string, headers: Record<string, string> = {}): Response {
  return toResponse(problemAnswer(error, requestId, headers));
}
