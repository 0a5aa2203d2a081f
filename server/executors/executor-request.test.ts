import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { executorConfig, type ExecutorConfig, type TestMessage, type WaveMessage } from "@/lib/contract/executors";
import { complainsAboutRef, describeAnswer } from "./describe-answer";
import { orderRequest, testRequest } from "./executor-request";

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const message: WaveMessage = {
  type: "wave-opened",
  timestamp: "2026-11-20T02:14:31.000Z",
  data: {
    rollout: { id: "11111111-1111-4111-8111-111111111111", number: 7, kind: "rollback" },
    service: "payments",
    environment: "production",
    partition: "eu",
    wave: { number: 2, name: "25 %", of: 3 },
    from: { release: "r2", version: "1.42.0" },
    to: {
      release: "r1",
      version: "1.41.2",
      components: [
        { name: "batch", repository: "registry.example.org/batch", digest: digest("a"), digests: [digest("a")] },
        { name: "main", repository: "registry.example.org/payments", digest: digest("b"), digests: [digest("b"), digest("c")] },
      ],
    },
    targets: { count: 1, items: [{ key: "app", agent: "host-7", scope: "engine", labels: {} }], more: null },
    incident: "INC-7",
    hold: null,
    reasonGiven: true,
    entry: { index: 12, at: "2026-11-20T02:14:31.000Z" },
    openedAt: "2026-11-20T02:14:31.000Z",
    url: "https://plumbline.example.org/rollouts/11111111-1111-4111-8111-111111111111",
    proof: { origin: "plumbline/1", vkey: "v", entry: "e", index: 12, size: 13, hashes: [], checkpoint: "c", tlogProof: "t" },
  },
};
const test: TestMessage = { type: "test", timestamp: message.timestamp, data: { executor: { id: message.data.rollout.id, name: "deployer" }, sentBy: "Ada" } };
const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const outgoing = { id: "msg_1", now: new Date("2026-11-20T02:14:32.500Z"), secret };
const links = { proof: "https://plumbline.example.org/api/v1/rollouts/1/proof" };
const config = (value: unknown): ExecutorConfig => executorConfig.parse(value);
const inputs = {
  service: "payments",
  environment: "production",
  partition: "eu",
  kind: "rollback",
  version: "1.41.2",
  digest: digest("b"),
  components: `batch=registry.example.org/batch@${digest("a")}\nmain=registry.example.org/payments@${digest("b")}`,
  rollout: message.data.rollout.id,
  wave: "2",
  proof: links.proof,
};

describe("an order", () => {
  it("to a webhook is the message, signed", () => {
    const request = orderRequest(config({ kind: "webhook", url: "https://deployer.example.org/hook?x=1" }), message, outgoing, links);
    const body = JSON.stringify(message);
    expect(request).toMatchObject({ url: "https://deployer.example.org/hook?x=1", method: "POST", body });
    const signature = createHmac("sha256", Buffer.alloc(32, 7)).update(`msg_1.1795140872.${body}`).digest("base64");
    expect(request.headers).toEqual({ "content-type": "application/json", "webhook-id": "msg_1", "webhook-timestamp": "1795140872", "webhook-signature": `v1,${signature}` });
  });
  it("runs a workflow at GitHub, with no more inputs than it takes", () => {
    const request = orderRequest(config({ kind: "github", owner: "acme", repo: "deploy", workflow: "rollout.yml" }), message, { ...outgoing, secret: "ghp_x" }, links);
    expect(request).toMatchObject({ url: "https://api.github.com/repos/acme/deploy/actions/workflows/rollout.yml/dispatches", method: "POST", headers: { authorization: "Bearer ghp_x", "x-github-api-version": "2022-11-28" } });
    expect(JSON.parse(request.body ?? "")).toEqual({ ref: "main", inputs });
    expect(Object.keys(inputs).length).toBeLessThanOrEqual(10);
  });
  it("is an event at GitHub when no workflow is named", () => {
    const request = orderRequest(config({ kind: "github", baseUrl: "https://github.example.org/api/v3/", owner: "acme", repo: "deploy" }), message, { ...outgoing, secret: "t" }, links);
    expect(request.url).toBe("https://github.example.org/api/v3/repos/acme/deploy/dispatches");
    expect(JSON.parse(request.body ?? "")).toEqual({ event_type: "plumbline-rollout", client_payload: inputs });
  });
  it("triggers a pipeline at GitLab, its token in the form alone", () => {
    const request = orderRequest(config({ kind: "gitlab", baseUrl: "https://gitlab.example.org", project: "acme/payments", ref: "release/1" }), message, { ...outgoing, secret: "glptt-x" }, links);
    expect(request).toMatchObject({ url: "https://gitlab.example.org/api/v4/projects/acme%2Fpayments/trigger/pipeline", method: "POST" });
    const form = new URLSearchParams(request.body);
    expect(Object.fromEntries(form)).toMatchObject({ token: "glptt-x", ref: "release/1", "variables[PLUMBLINE_DIGEST]": digest("b"), "variables[PLUMBLINE_ROLLOUT]": inputs.rollout, "variables[PLUMBLINE_PROOF]": links.proof });
    expect([...form.keys()]).toHaveLength(12);
    expect(JSON.stringify(request.headers)).not.toContain("glptt");
  });
  it("to stop names nothing to run", () => {
    const request = orderRequest(config({ kind: "github", owner: "a", repo: "b" }), { ...message, data: { ...message.data, to: null } }, { ...outgoing, secret: "t" }, links);
    expect(JSON.parse(request.body ?? "")).toMatchObject({ client_payload: { version: "", digest: "", components: "" } });
  });
});

describe("a test", () => {
  it("is a message of its own type", () => {
    expect(JSON.parse(testRequest(config({ kind: "webhook", url: "https://a.example.org" }), test, outgoing).body ?? "")).toEqual(test);
  });
  it("reads the workflow, or sends an event that nobody listens to", () => {
    const read = testRequest(config({ kind: "github", owner: "a", repo: "b", workflow: "c.yml" }), test, outgoing);
    expect(read).toMatchObject({ method: "GET", url: "https://api.github.com/repos/a/b/actions/workflows/c.yml" });
    expect(read).not.toHaveProperty("body");
    expect(JSON.parse(testRequest(config({ kind: "github", owner: "a", repo: "b" }), test, outgoing).body ?? "")).toEqual({ event_type: "plumbline-test", client_payload: {} });
  });
  it("names a ref that Git does not allow", () => {
    expect(new URLSearchParams(testRequest(config({ kind: "gitlab", project: "7" }), test, outgoing).body).get("ref")).toBe("plumbline..test");
  });
});

describe("what is not an executor", () => {
  it.each([
    { kind: "webhook", url: "ftp://example.org" },
    { kind: "webhook", url: "https://user:pass@example.org" },
    { kind: "webhook", url: "https://user@example.org" },
    { kind: "github", owner: "..", repo: "b" },
    { kind: "github", owner: "a/b", repo: "b" },
    { kind: "github", owner: "a", repo: "b", workflow: "../x" },
    { kind: "github", owner: "a", repo: "b", ref: "a b" },
    { kind: "github", owner: "a", repo: "b", baseUrl: "https://example.org/?x=" },
    { kind: "gitlab", project: "a b" },
    { kind: "gitlab", project: "1", token: "x" },
    { kind: "ssh", host: "example.org" },
  ])("%j", (value) => {
    expect(executorConfig.safeParse(value).success).toBe(false);
  });
});

it.each([
  [{ status: 204, body: "" }, "GitHub answered 204."],
  [{ status: 404, body: '{"message":"Not Found"}' }, "GitHub answered 404: Not Found."],
  [{ status: 422, body: `{"message":"Unexpected\\u202e inputs\\nprovided."}` }, "GitHub answered 422: Unexpected inputs provided."],
  [{ status: 401, body: '{"message":"your token s3cret is bad"}' }, "GitHub answered 401."],
  [{ status: 401, body: `{"message":"ghp_${"x".repeat(40)}"}` }, "GitHub answered 401."],
  [{ status: 500, body: "<html>" }, "GitHub answered 500."],
  [{ status: 400, body: '{"message":{"base":["x"]}}' }, 'GitHub answered 400: {"base":["x"]}.'],
])("says what came back: %j", (answer, sentence) => {
  expect(describeAnswer("github", answer, "s3cret").sentence).toBe(sentence);
});

it("knows a complaint about the ref", () => {
  expect(complainsAboutRef({ status: 400, body: '{"message":{"base":["Reference not found"]}}' })).toBe(true);
  expect(complainsAboutRef({ status: 404, body: '{"message":"404 Not Found"}' })).toBe(false);
});
