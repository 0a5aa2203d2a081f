import { describe, expect, it } from "vitest";
import { ZodError } from "zod";
import { announceRequest } from "@/lib/contract/deployments";
import { fromArgocd } from "./from-argocd";
import { fromCdEvents } from "./from-cdevents";
import { fromGithub } from "./from-github";
import type { Translated } from "./translated";

const DIGEST = `sha256:${"0b31".repeat(16)}`;
const SHA = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";

/** What is announced, as the verb would read it; else why it is not. */
function read(translated: Translated): unknown {
  return "ignored" in translated ? translated.ignored : announceRequest.parse(translated.announce);
}

describe("CDEvents", () => {
  const event = (type: string, subject: object = {}, context: object = {}): object => ({
    context: { version: "0.4.0", id: "271069a8", chainId: "4c8cb7dd", source: "/staging/tekton", type, timestamp: "2026-03-20T14:27:05.315384Z", ...context },
    subject: { id: "service/payments", source: "/staging/tekton", type: "service", content: { environment: { id: "production" }, artifactId: `pkg:oci/payments@${encodeURIComponent(DIGEST)}?repository_url=registry.example` }, ...subject },
  });
  const done = { service: "payments", environment: "production", partition: "default", status: "succeeded", externalId: "/staging/tekton#271069a8", digest: DIGEST, at: "2026-03-20T14:27:05.315384Z" };

  it.each<[string, unknown, unknown]>([
    ["deployed", event("dev.cdevents.service.deployed.0.2.0"), done],
    ["upgraded, of a later version of the specification", event("dev.cdevents.service.upgraded.0.3.0"), done],
    ["rolled back", event("dev.cdevents.service.rolledback.0.1.1"), done],
    ["within a CloudEvent", { specversion: "1.0", id: "271069a8", source: "/staging/tekton", type: "dev.cdevents.service.deployed.0.2.0", datacontenttype: "application/json", data: event("dev.cdevents.service.deployed.0.2.0") }, done],
    ["from an address", event("dev.cdevents.service.deployed.0.2.0", {}, { source: "https://ci.example/run/7" }), { ...done, externalId: "https://ci.example/run/7#271069a8", url: "https://ci.example/run/7" }],
    ["a version instead of bytes", event("dev.cdevents.service.deployed.0.2.0", { content: { environment: { id: "env/Production" }, artifactId: "pkg:generic/payments@2026.11.3" } }), { ...done, digest: undefined, version: "2026.11.3" }],
    ["removed", event("dev.cdevents.service.removed.0.2.0"), "A service that was removed is seen to be gone by what runs; nothing is announced by it."],
    ["published", event("dev.cdevents.service.published.0.2.0"), "dev.cdevents.service.published.0.2.0 says nothing of a deployment."],
    ["an environment", event("dev.cdevents.environment.created.0.2.0", { content: {} }), "Environments are decided in Plumbline; an event about one changes nothing."],
    ["a pipeline", event("dev.cdevents.pipelinerun.finished.0.2.0", { content: { outcome: "success" } }), "dev.cdevents.pipelinerun.finished.0.2.0 says nothing of a deployment."],
    ["no artifact", event("dev.cdevents.service.deployed.0.2.0", { content: { environment: { id: "production" } } }), "The event names no artifactId with a digest or version: nothing can be followed by it."],
    ["no package URL", event("dev.cdevents.service.deployed.0.2.0", { content: { environment: { id: "production" }, artifactId: "payments" } }), "The event names no artifactId with a digest or version: nothing can be followed by it."],
    ["no environment", event("dev.cdevents.service.deployed.0.2.0", { content: { artifactId: "pkg:oci/a@1" } }), "The event names no environment: nothing can be followed by it."],
  ])("%s", (_, body, expected) => {
    expect(read(fromCdEvents(body))).toEqual(expected);
  });

  it.each<[string, unknown]>([["nothing", null], ["a list", []], ["a CloudEvent without data", { specversion: "1.0", id: "1" }], ["no context", { subject: { id: "a" } }]])("is not %s", (_, body) => {
    expect(() => fromCdEvents(body)).toThrow(ZodError);
  });
});

describe("GitHub", () => {
  const event = (state: string, { payload = {}, environment = "production" }: { payload?: unknown; environment?: string } = {}): object => ({
    action: "created",
    deployment_status: { id: 1147, state, creator: { login: "github-actions[bot]" }, description: "", environment, target_url: "https://github.com/acme/payments/actions/runs/7", log_url: "https://github.com/acme/payments/actions/runs/7/job/9", updated_at: "2026-05-15T15:20:53Z" },
    deployment: { id: 145988746, sha: SHA, ref: "main", task: "deploy", payload, environment: "production", creator: { login: "ada" } },
    repository: { id: 1, name: "payments", full_name: "acme/payments", html_url: "https://github.com/acme/payments" },
    sender: { login: "ada" },
  });
  const started = { service: "payments", environment: "production", partition: "default", commit: SHA, status: "started", externalId: "acme/payments#145988746", tool: "GitHub", by: "ada", url: "https://github.com/acme/payments/actions/runs/7/job/9", at: "2026-05-15T15:20:53Z" };

  it.each<[string, string, unknown, unknown]>([
    ["in progress", "deployment_status", event("in_progress"), started],
    ["done", "deployment_status", event("success"), { ...started, status: "succeeded" }],
    ["failed", "deployment_status", event("failure"), { ...started, status: "failed" }],
    ["in error", "deployment_status", event("error"), { ...started, status: "failed" }],
    ["with what GitHub does not know", "deployment_status", event("in_progress", { payload: { service: "billing", partition: "eu", digest: DIGEST } }), { ...started, commit: undefined, service: "billing", partition: "eu", digest: DIGEST }],
    ["with a payload that is a text", "deployment_status", event("in_progress", { payload: '{"version":"2026.11.3"}' }), { ...started, commit: undefined, version: "2026.11.3" }],
    ["with a payload that is none", "deployment_status", event("in_progress", { payload: "ship it" }), started],
    ["to an environment with a capital and a folder", "deployment_status", event("in_progress", { environment: "aws/Production" }), started],
    ["queued", "deployment_status", event("queued"), "A deployment that is queued is not followed."],
    ["waiting for an approval there", "deployment_status", event("waiting"), "A deployment that is waiting is not followed."],
    ["inactive", "deployment_status", event("inactive"), "A deployment that is inactive is not followed."],
    ["made", "deployment", {}, "The deployment was made; it begins with its status in_progress."],
    ["a ping", "ping", { zen: "Keep it logically awesome." }, "The hook is reached."],
    ["a push", "push", {}, "Events of kind push say nothing of a deployment."],
  ])("%s", (_, kind, body, expected) => {
    expect(read(fromGithub(kind, body))).toEqual(expected);
  });

  it("refuses what is no such event", () => {
    expect(() => fromGithub("deployment_status", { deployment: {} })).toThrow(ZodError);
  });
});

describe("Argo CD", () => {
  const sync = (changes: object = {}): object => ({
    app: "argocd/payments", environment: "production", phase: "Running", startedAt: "2026-11-26T02:00:00Z", images: [`registry.example/acme/payments:2026.11.3@${DIGEST}`, "envoyproxy/envoy:v1.31"],
    revision: SHA, by: "ada", url: "https://argo.example/applications/payments", ...changes,
  });
  const started = { service: "payments", environment: "production", partition: "default", digest: DIGEST, status: "started", externalId: `argocd/payments@2026-11-26T02:00:00Z#${DIGEST}`, tool: "Argo CD", by: "ada", url: "https://argo.example/applications/payments" };

  it.each<[string, unknown, unknown]>([
    ["running", sync(), started],
    ["succeeded", sync({ phase: "Succeeded" }), { ...started, status: "succeeded" }],
    ["failed", sync({ phase: "Failed" }), { ...started, status: "failed" }],
    ["in error", sync({ phase: "Error" }), { ...started, status: "failed" }],
    ["terminating", sync({ phase: "Terminating" }), "A sync that is Terminating is not followed."],
    ["an image by its tag", sync({ images: ["registry.example:5000/payments:2026.11.3", "envoy:1"] }), { ...started, digest: undefined, version: "2026.11.3", externalId: "argocd/payments@2026-11-26T02:00:00Z#2026.11.3" }],
    ["the only image, called otherwise", sync({ images: [`registry.example/pay@${DIGEST}`] }), started],
    ["a service that is named", sync({ service: "billing", images: [`a/billing@${DIGEST}`, "b/payments:1"] }), { ...started, service: "billing" }],
    ["a version that is named", sync({ version: "2026.11.3" }), { ...started, digest: undefined, version: "2026.11.3", externalId: "argocd/payments@2026-11-26T02:00:00Z#2026.11.3" }],
    ["values that are not there", sync({ service: "<no value>", partition: "", by: "<nil>", url: "<no value>", startedAt: "<no value>" }), { ...started, by: undefined, url: undefined, externalId: `argocd/payments@${SHA}#${DIGEST}` }],
    ["no image, but a commit", sync({ images: null }), { ...started, digest: undefined, commit: SHA, externalId: `argocd/payments@2026-11-26T02:00:00Z#${SHA}` }],
    ["the old image beside the new one", sync({ images: [`registry.example/payments@${DIGEST}`, `registry.example/payments@sha256:${"0".repeat(64)}`] }), "None of the images of argocd/payments can be told to be the one of payments, and no version is named."],
    ["an old tag beside a new one", sync({ images: ["registry.example/payments:1", "registry.example/payments:2"] }), "None of the images of argocd/payments can be told to be the one of payments, and no version is named."],
    ["the same image twice", sync({ images: [`registry.example/payments@${DIGEST}`, `mirror.example/payments:2026.11.3@${DIGEST}`] }), started],
    ["two own images that differ, and a version that is named", sync({ version: "2", images: ["a/payments:1", "a/payments:2"] }), { ...started, digest: undefined, version: "2", externalId: "argocd/payments@2026-11-26T02:00:00Z#2" }],
    ["a long name of an application", sync({ app: "a".repeat(250), service: "payments" }), { ...started, externalId: expect.stringMatching(new RegExp(`#${DIGEST}$`)) }],
    ["two images of other names, and no commit", sync({ images: ["a:1", "b:2"], revision: "main" }), "None of the images of argocd/payments can be told to be the one of payments, and no version is named."],
  ])("%s", (_, body, expected) => {
    expect(read(fromArgocd(body))).toEqual(expected);
  });

  it("refuses another template's body, by the field", () => {
    expect(() => fromArgocd({ text: "Application payments is synced" })).toThrow(/app/);
  });
});
