import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { adoptionQuery, adoptionRequest } from "@/lib/contract/adoption";
import type { InventoryReportInput } from "@/lib/contract/agent";
import { findingsQuery } from "@/lib/contract/fleet";
import { registerReleaseRequest } from "@/lib/contract/releases";
import { promoteRequest } from "@/lib/contract/rollouts";
import { adoptFleet } from "@/server/adoption/adopt-fleet";
import { previewAdoption } from "@/server/adoption/preview-adoption";
import { registerRelease } from "@/server/releases/register-release";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent } from "@/server/testing/inventory";
import { getMatrix } from "./get-matrix";
import { listFindings } from "./list-findings";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const REPOSITORY = "registry.test/acme/payments";

const sha = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

type Platform = { manifest: string; config: string; bytes: string };

/** One platform of an image that was built for several. */
function platformOf(content: string, architecture: string): Platform {
  const config = sha(`config ${content} ${architecture}`);
  const bytes = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 10 }, layers: [], annotations: { content, architecture } });
  return { manifest: sha(bytes), config, bytes };
}

/** As buildx pushes it: two platforms, and beside each what tells of its build, which nothing ever runs. */
function multiArchitecture(content: string) {
  const amd64 = platformOf(content, "amd64");
  const arm64 = platformOf(content, "arm64");
  const described = (one: Platform, architecture: string) => [
    { mediaType: MANIFEST, digest: one.manifest, size: one.bytes.length, platform: { os: "linux", architecture } },
    { mediaType: MANIFEST, digest: sha(`provenance of ${one.manifest}`), size: 1, platform: { os: "unknown", architecture: "unknown" }, annotations: { "vnd.docker.reference.digest": one.manifest, "vnd.docker.reference.type": "attestation-manifest" } },
  ];
  const index = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [...described(amd64, "amd64"), ...described(arm64, "arm64")] });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return { index: sha(index), amd64, arm64, manifests: [{ mediaType: INDEX, bytes: base64(index) }, { mediaType: MANIFEST, bytes: base64(amd64.bytes) }, { mediaType: MANIFEST, bytes: base64(arm64.bytes) }] };
}

type Image = NonNullable<InventoryReportInput["images"]>[number];
type Digest = NonNullable<Image["digests"]>[number];

/** What runtimes say of one and the same image, platform by platform. */
function shapes(index: string, { manifest, config }: Platform): [name: string, digests: Digest[]][] {
  return [
    ["docker, image store of old", [{ digest: index, kind: "unspecified", repository: REPOSITORY }, { digest: config, kind: "config" }]],
    ["docker, its name taken away", [{ digest: config, kind: "config" }]],
    ["docker, containerd's store", [{ digest: index, kind: "unspecified", repository: REPOSITORY }, { digest: index, kind: "unspecified" }]],
    ["docker, containerd's store, by platform", [{ digest: manifest, kind: "unspecified" }]],
    ["podman", [{ digest: index, kind: "unspecified", repository: REPOSITORY }, { digest: manifest, kind: "unspecified", repository: REPOSITORY }, { digest: config, kind: "config" }]],
    ["podman, tagged again on the host", [{ digest: manifest, kind: "unspecified", repository: REPOSITORY }, { digest: manifest, kind: "unspecified", repository: "localhost/mine" }, { digest: config, kind: "config" }]],
    ["kubernetes, containerd", [{ digest: index, kind: "unspecified", repository: REPOSITORY }]],
    ["kubernetes, cri-o", [{ digest: manifest, kind: "unspecified", repository: REPOSITORY }]],
    ["kubernetes, by the image's id", [{ digest: config, kind: "unspecified" }]],
    ["kubernetes, through a mirror", [{ digest: index, kind: "unspecified", repository: "mirror.test/proxy/payments" }]],
  ];
}

/** One host of each platform, on which the image runs under every name that it may have. */
async function reportEveryShape(service: string, environment: string, { index, amd64, arm64 }: ReturnType<typeof multiArchitecture>): Promise<void> {
  for (const platform of [amd64, arm64]) {
    const agent = await enrolTestAgent(test, { environments: [environment] });
    const all = shapes(index, platform);
    const copies = all.map(([name], at) => container(`${service} ${name}`, { labels: { "plumbline.service": service }, image: at }));
    await agent.report({ images: all.map(([, digests]) => ({ digests, reference: `${REPOSITORY}:1.0.0` })), targets: copies.map(({ target }) => target), instances: copies.map(({ instance }) => instance) });
  }
}

let test: TestApp;
const image = multiArchitecture("1");

beforeAll(async () => {
  test = await createTestApp();
  const ctx = await test.ctx();
  await registerRelease({ ctx, input: registerReleaseRequest.parse({ service: "payments", version: "1.0.0", components: [{ name: "main", repository: REPOSITORY, digest: image.index, manifests: image.manifests }] }) });
  await reportEveryShape("payments", "staging", image);
  await promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
});
afterAll(() => test.drop());

it("index, manifest and configuration of an image are the same image, whichever runtime and platform names them", async () => {
  const ctx = await test.ctx();
  const matrix = await getMatrix({ ctx });
  expect(matrix.totals).toMatchObject({ instances: 20, deviating: 0 });
  expect((await listFindings({ ctx, input: findingsQuery.parse({}) })).groups).toEqual([]);
});

it("an image of the same name with other bytes is seen among them", async () => {
  const ctx = await test.ctx();
  const other = multiArchitecture("2");
  const agent = await enrolTestAgent(test, { environments: ["staging"] });
  const { target, instance } = container("payments other", { labels: { "plumbline.service": "payments" } });
  await agent.report({ images: [{ digests: [{ digest: other.index, kind: "unspecified", repository: REPOSITORY }, { digest: other.amd64.config, kind: "config" }] }], targets: [target], instances: [instance] });
  const { groups } = await listFindings({ ctx, input: findingsQuery.parse({}) });
  expect(groups.map(({ kind, instances }) => [kind, instances])).toEqual([["unknown-artifact", 1]]);
});

it("what tells of a build is no name of what was built", async () => {
  const ctx = await test.ctx();
  const agent = await enrolTestAgent(test, { environments: ["production"] });
  const { target, instance } = container("payments provenance", { labels: { "plumbline.service": "payments" } });
  await agent.report({ images: [{ digests: [{ digest: sha(`provenance of ${image.amd64.manifest}`), kind: "unspecified", repository: REPOSITORY }] }], targets: [target], instances: [instance] });
  const { groups } = await listFindings({ ctx, input: findingsQuery.parse({ environment: "production" }) });
  expect(groups.map(({ kind }) => kind)).toContain("unknown-artifact");
});

it("is adopted as one release, whichever of its names were seen first", async () => {
  const ctx = await test.ctx();
  await reportEveryShape("orders", "dev", multiArchitecture("of a service that nobody registered"));
  const scope = { service: "orders", environment: "dev" };
  const { revision, places, leftOut } = await previewAdoption({ ctx, input: adoptionQuery.parse(scope) });
  expect(leftOut).toEqual([]);
  expect(places.map(({ instances, version }) => [instances, version])).toEqual([[20, "1.0.0"]]);
  await adoptFleet({ ctx, input: adoptionRequest.parse({ ...scope, revision }) });
  expect((await listFindings({ ctx, input: findingsQuery.parse({ environment: "dev" }) })).groups).toEqual([]);
  await reportEveryShape("orders", "dev", multiArchitecture("of a service that nobody registered"));
  expect((await listFindings({ ctx, input: findingsQuery.parse({ environment: "dev" }) })).groups.map(({ kind }) => kind)).toEqual([]);
});
