import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isWellFormed } from "../ledger/bytes";
import { judgeCheck, settleCheck, type CheckAnswer } from "./judge-check";
import type { ExternalCheck } from "./strategy";

const times = { timeoutMs: 5_000, everyMs: 10_000, withinMs: 60_000 };
const webhook: ExternalCheck = { kind: "webhook", url: "https://example.org/check", ...times };
const prometheus = (op: Extract<ExternalCheck, { kind: "prometheus" }>["op"] = "<", threshold = 0.01): ExternalCheck => ({ kind: "prometheus", url: "https://prometheus.example.org", query: "errors", op, threshold, ...times });
const said = (body: unknown, status = 200): CheckAnswer => ({ kind: "response", status, body: typeof body === "string" ? body : JSON.stringify(body) });
const result = (resultType: string, value: unknown): CheckAnswer => said({ status: "success", data: { resultType, result: value } });
const vector = (...values: string[]): CheckAnswer => result("vector", values.map((value, at) => ({ metric: { __name__: "errors", pod: `p${at}` }, value: [1.5, value] })));

describe("a webhook", () => {
  it.each<[string, CheckAnswer, string, string]>([
    ["yes", said({ ok: true }), "pass", "It said yes."],
    ["yes, with a reason", said({ ok: true, reason: "error budget 81 %." }), "pass", "It said yes: error budget 81 %."],
    ["yes, created", said({ ok: true, more: 1 }, 201), "pass", "It said yes."],
    ["no", said({ ok: false }), "fail", "It said no, without a reason."],
    ["no, with a reason", said({ ok: false, reason: "latency\u0000 is\n\nup\u202e" }), "fail", "It said no: latency is up."],
    ["a reason that is no text", said({ ok: false, reason: { a: 1 } }), "fail", "It said no, without a reason."],
    ["yes under an error", said({ ok: true }, 500), "no-answer", "No answer: it said 500."],
    ["a redirect", said({ ok: true }, 302), "no-answer", "No answer: it said 302."],
    ["not found", said("", 404), "no-answer", "No answer: it said 404."],
    ["nothing", said("", 204), "no-answer", "is not {"],
    ["no JSON", said("ok"), "no-answer", "is not {"],
    ["another truth", said({ ok: "true" }), "no-answer", "is not {"],
    ["one", said({ ok: 1 }), "no-answer", "is not {"],
    ["a list", said([true]), "no-answer", "is not {"],
    ["null", said("null"), "no-answer", "is not {"],
    ["an inherited field", said({ __proto__: { ok: true } }), "no-answer", "is not {"],
    ["half a yes", said('{"ok": true'), "no-answer", "is not {"],
    ["a hang", { kind: "none", why: "checks.example did not answer within 5 s." }, "no-answer", "No answer: checks.example did not answer within 5 s."],
  ])("that says %s", (_, answer, verdict, sentence) => {
    expect(judgeCheck(webhook, answer)).toEqual({ verdict, sentence: expect.stringContaining(sentence) });
  });
  it("keeps a long reason short", () => {
    const { sentence } = judgeCheck(webhook, said({ ok: false, reason: "🙂".repeat(5_000) }));
    expect(sentence.length).toBeLessThan(350);
    expect(isWellFormed(sentence)).toBe(true);
  });
});

describe("Prometheus", () => {
  it.each<[string, ExternalCheck, CheckAnswer, string, string]>([
    ["one value below", prometheus(), vector("0.004"), "pass", 'errors{pod="p0"} is 0.004, which is < 0.01.'],
    ["all values below", prometheus(), vector("0.004", "1e-05", "0"), "pass", "All 3 values are < 0.01."],
    ["one of three above", prometheus(), vector("0.004", "0.03", "0"), "fail", 'errors{pod="p1"} is 0.03, not < 0.01 (1 of 3 are not).'],
    ["exactly the threshold", prometheus(), vector("0.01"), "fail", "is 0.01, not < 0.01."],
    ["exactly the threshold, allowed", prometheus("<="), vector("0.01"), "pass", "which is <= 0.01"],
    ["above", prometheus(">", 99), vector("99.5"), "pass", "is 99.5, which is > 99."],
    ["at least", prometheus(">=", 99), vector("98"), "fail", "not >= 99."],
    ["equal", prometheus("==", 1), vector("1"), "pass", "== 1."],
    ["unequal", prometheus("==", 1), vector("1", "0"), "fail", "is 0, not == 1 (1 of 2 are not)."],
    ["not equal", prometheus("!=", 0), vector("1"), "pass", "!= 0."],
    ["infinite", prometheus(), vector("+Inf"), "fail", "is infinite, not"],
    ["minus infinite", prometheus(), vector("-Inf"), "pass", "minus infinite"],
    ["a scalar", prometheus(), result("scalar", [1.5, "0.001"]), "pass", "The value is 0.001, which is < 0.01."],
    ["without a name", prometheus(), result("vector", [{ metric: {}, value: [1.5, "0.5"] }]), "fail", "The value is 0.5, not < 0.01."],
    ["a matrix, all below", prometheus(), result("matrix", [{ metric: { pod: "a" }, values: [[1, "0"], [2, "0.001"]] }]), "pass", "All 2 values"],
    ["a matrix, one above", prometheus(), result("matrix", [{ metric: { pod: "a" }, values: [[1, "0"], [2, "0.9"]] }]), "fail", '{pod="a"} is 0.9'],
    ["not a number", prometheus(), vector("NaN"), "no-answer", 'errors{pod="p0"} is not a number.'],
    ["one not a number, one right", prometheus(), vector("NaN", "0"), "no-answer", "is not a number."],
    ["one not a number, one wrong", prometheus(), vector("NaN", "1"), "fail", "is 1, not < 0.01 (1 of 2 are not)."],
    ["not a number, unequal", prometheus("!=", 0), vector("NaN"), "no-answer", "is not a number."],
    ["nothing measured", prometheus(), vector(), "no-answer", "the query has no result"],
    ["an empty matrix", prometheus(), result("matrix", [{ metric: {}, values: [] }]), "no-answer", "the query has no result"],
    ["a text", prometheus(), result("string", [1.5, "0"]), "no-answer", "a text, not a number"],
    ["a histogram", prometheus(), result("vector", [{ metric: {}, histogram: [1.5, { count: "1", sum: "1" }] }]), "no-answer", "histogram"],
    ["another type", prometheus(), result("streams", []), "no-answer", "unknown type"],
    ["a number that is none", prometheus(), vector("0x10"), "no-answer", "cannot be read"],
    ["an empty text", prometheus(), vector(""), "no-answer", "cannot be read"],
    ["a bare number", prometheus(), result("vector", [{ metric: {}, value: [1.5, 0] }]), "no-answer", "cannot be read"],
    ["a wrong query", prometheus(), said({ status: "error", errorType: "bad_data", error: 'parse error at "{"' }, 400), "no-answer", 'Prometheus said 400, parse error at "{".'],
    ["an error that says 200", prometheus(), said({ status: "error", error: "boom" }), "no-answer", "boom"],
    ["a time-out of its own", prometheus(), said({ status: "error", errorType: "timeout", error: "query timed out" }, 503), "no-answer", "503, query timed out."],
    ["a proxy's page", prometheus(), said("<html>", 502), "no-answer", "Prometheus said 502."],
    ["a page that says 200", prometheus(), said("<html>"), "no-answer", "not Prometheus's"],
    ["a hang", prometheus(), { kind: "none", why: "prometheus.example did not answer within 5 s." }, "no-answer", "within 5 s."],
  ])("with %s", (_, check, answer, verdict, sentence) => {
    expect(judgeCheck(check, answer)).toEqual({ verdict, sentence: expect.stringContaining(sentence) });
  });
});

it("never passes on what it cannot read, and never throws", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 100, max: 599 }), (body, status) => {
      for (const check of [webhook, prometheus()]) {
        const { verdict, sentence } = judgeCheck(check, said(JSON.stringify(body), status));
        expect(sentence).toMatch(/\.$/);
        if (status < 200 || status > 299) expect(verdict).toBe("no-answer");
      }
    }),
  );
});

describe("what follows", () => {
  const startedAt = 1_000_000;
  const settle = (verdict: "pass" | "fail" | "no-answer", after: number, attempts = 3) => settleCheck(webhook, { verdict, sentence: "Said." }, { startedAt, attempts, now: startedAt + after });
  it.each([
    ["a pass ends it", settle("pass", 0), { status: "passed", detail: "Said." }],
    ["a pass ends it, however late", settle("pass", 900_000), { status: "passed", detail: "Said." }],
    ["a fail ends it", settle("fail", 0), { status: "failed", detail: "Said." }],
    ["no answer is asked again", settle("no-answer", 100), { status: "due", detail: "Said.", nextAttemptAt: startedAt + 10_100 }],
    ["the last time at the end", settle("no-answer", 55_000), { status: "due", detail: "Said.", nextAttemptAt: startedAt + 60_000 }],
    ["then it is given up", settle("no-answer", 60_000), { status: "unanswered", detail: "Said. It was asked 3 times within 60 s." }],
    ["a late first answer is one", settle("no-answer", 600_000, 1), { status: "unanswered", detail: "Said. It was asked once within 60 s." }],
  ])("%s", (_, outcome, expected) => {
    expect(outcome).toEqual(expected);
  });
});
