import type { ExternalCheck } from "./strategy";

/** What came back when another system was asked. */
export type CheckAnswer =
  | { kind: "response"; status: number; body: string }
  /** Nothing did, or not all of it; `why` is a sentence such as "checks.example did not answer within 5 s." */
  | { kind: "none"; why: string };

/** Only a clear yes lets a wave open, and only a clear no stops it: everything else is no answer, and is asked again. */
export interface CheckJudgement {
  verdict: "pass" | "fail" | "no-answer";
  /** One sentence for people. */
  sentence: string;
}

type Comparison = Extract<ExternalCheck, { kind: "prometheus" }>["op"];
type Sample = { name: string; value: number };

const MOST_TEXT = 300;
const FLOAT = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Controls and direction marks, which make a text read as another. */
const HIDDEN = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu;

/** Decides what an answer means. Pure: the same answer always means the same. */
export function judgeCheck(check: ExternalCheck, answer: CheckAnswer): CheckJudgement {
  if (answer.kind === "none") return noAnswer(`No answer: ${clean(answer.why)}.`);
  return check.kind === "webhook" ? judgeWebhook(answer) : judgePrometheus(check, answer);
}

/** Where a check stands: asked again while nothing clear came back, given up when that went on for too long. */
export type CheckOutcome = { status: "passed" | "failed" | "unanswered"; detail: string } | { status: "due"; detail: string; nextAttemptAt: number };

/**
 * What follows from a judgement. A clear answer ends the check. Without one it is asked again after `everyMs`, for the last
 * time when `withinMs` since its start are over. Times are epoch ms.
 */
export function settleCheck(check: Pick<ExternalCheck, "everyMs" | "withinMs">, { verdict, sentence }: CheckJudgement, { startedAt, attempts, now }: { startedAt: number; attempts: number; now: number }): CheckOutcome {
  if (verdict === "pass") return { status: "passed", detail: sentence };
  if (verdict === "fail") return { status: "failed", detail: sentence };
  const deadline = startedAt + check.withinMs;
  if (now < deadline) return { status: "due", detail: sentence, nextAttemptAt: Math.min(now + check.everyMs, deadline) };
  return { status: "unanswered", detail: `${sentence} It was asked ${attempts === 1 ? "once" : `${attempts} times`} within ${formatSpan(check.withinMs)}.` };
}

function formatSpan(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

function judgeWebhook({ status, body }: Extract<CheckAnswer, { kind: "response" }>): CheckJudgement {
  if (status < 200 || status > 299) return noAnswer(`No answer: it said ${status}.`);
  const said = parseJson(body);
  const ok = fieldOf(said, "ok");
  if (typeof ok !== "boolean") return noAnswer(`No answer: what it said (${status}) is not {"ok": true} or {"ok": false}.`);
  const reason = fieldOf(said, "reason");
  const told = typeof reason === "string" && clean(reason) !== "" ? `: ${clean(reason)}` : "";
  return ok ? { verdict: "pass", sentence: `It said yes${told}.` } : { verdict: "fail", sentence: `It said no${told || ", without a reason"}.` };
}

function judgePrometheus(check: Extract<ExternalCheck, { kind: "prometheus" }>, { status, body }: Extract<CheckAnswer, { kind: "response" }>): CheckJudgement {
  const said = parseJson(body);
  const error = fieldOf(said, "error");
  if (typeof error === "string" && error !== "") return noAnswer(`No answer: Prometheus said ${status}, ${clean(error)}.`);
  if (status < 200 || status > 299) return noAnswer(`No answer: Prometheus said ${status}.`);
  const data = fieldOf(said, "data");
  if (fieldOf(said, "status") !== "success" || data === undefined) return noAnswer(`No answer: what came back (${status}) is not Prometheus's.`);
  const samples = readSamples(fieldOf(data, "resultType"), fieldOf(data, "result"));
  if (typeof samples === "string") return noAnswer(`No answer: ${samples}.`);
  return compareAll(check, samples);
}

function compareAll({ op, threshold }: Pick<Extract<ExternalCheck, { kind: "prometheus" }>, "op" | "threshold">, samples: readonly Sample[]): CheckJudgement {
  if (samples.length === 0) return noAnswer("No answer: the query has no result. Nothing measured is nothing proved.");
  const wanted = `${op} ${threshold}`;
  const failing = samples.filter(({ value }) => !Number.isNaN(value) && !compare(value, op, threshold));
  const [first] = failing;
  // One that is clearly wrong is wrong whatever the others are.
  if (first) {
    const rest = samples.length === 1 ? "" : ` (${failing.length} of ${samples.length} are not)`;
    return { verdict: "fail", sentence: `${first.name} is ${formatValue(first.value)}, not ${wanted}${rest}.` };
  }
  const unknown = samples.find(({ value }) => Number.isNaN(value));
  if (unknown) return noAnswer(`No answer: ${unknown.name} is not a number.`);
  const [only] = samples;
  return { verdict: "pass", sentence: samples.length === 1 && only ? `${only.name} is ${formatValue(only.value)}, which is ${wanted}.` : `All ${samples.length} values are ${wanted}.` };
}

function compare(value: number, op: Comparison, threshold: number): boolean {
  switch (op) {
    case "<":
      return value < threshold;
    case "<=":
      return value <= threshold;
    case ">":
      return value > threshold;
    case ">=":
      return value >= threshold;
    case "==":
      return value === threshold;
    case "!=":
      return value !== threshold;
    default:
      return op satisfies never;
  }
}

/** The numbers of a result, or why they cannot be read. A matrix holds every point of every series. */
function readSamples(type: unknown, result: unknown): Sample[] | string {
  if (type === "scalar") return readPoints("The value", [result]);
  if (type !== "vector" && type !== "matrix") return type === "string" ? "the query's result is a text, not a number" : "the result is of an unknown type";
  if (!Array.isArray(result)) return "the result cannot be read";
  const samples: Sample[] = [];
  for (const series of result) {
    if (fieldOf(series, "histogram") !== undefined || fieldOf(series, "histograms") !== undefined) return "the result holds a histogram; take a quantile, a sum or a count of it";
    const points = type === "vector" ? [fieldOf(series, "value")] : fieldOf(series, "values");
    if (!Array.isArray(points)) return "the result cannot be read";
    const read = readPoints(nameOf(fieldOf(series, "metric")), points);
    if (typeof read === "string") return read;
    samples.push(...read);
  }
  return samples;
}

function readPoints(name: string, points: readonly unknown[]): Sample[] | string {
  const samples: Sample[] = [];
  for (const point of points) {
    const value: unknown = Array.isArray(point) && point.length === 2 ? point[1] : undefined;
    const number = typeof value === "string" ? parseFloatText(value) : null;
    if (number === null) return "the result cannot be read";
    samples.push({ name, value: number });
  }
  return samples;
}

/** As Prometheus writes numbers (prometheus.io/docs, "Expression query result formats"); null for anything else. */
function parseFloatText(text: string): number | null {
  if (text === "NaN") return Number.NaN;
  if (text === "+Inf" || text === "Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return FLOAT.test(text) ? Number(text) : null;
}

/** `name{label="value", …}`, as the query language writes it. */
function nameOf(metric: unknown): string {
  if (typeof metric !== "object" || metric === null) return "The value";
  const labels = Object.entries(metric).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const name = labels.find(([key]) => key === "__name__")?.[1] ?? "";
  const rest = labels.filter(([key]) => key !== "__name__").map(([key, value]) => `${key}="${value}"`);
  return clean(`${name}${rest.length > 0 ? `{${rest.join(", ")}}` : ""}`) || "The value";
}

function formatValue(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : value > 0 ? "infinite" : "minus infinite";
}

/** Another system's text: one line, nothing hidden, not long, without a full stop of its own. */
function clean(text: string): string {
  const line = text.replace(HIDDEN, " ").replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
  return line.length > MOST_TEXT ? `${line.slice(0, MOST_TEXT).replace(/[\uD800-\uDBFF]$/, "")}…` : line;
}

function noAnswer(sentence: string): CheckJudgement {
  return { verdict: "no-answer", sentence };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}
