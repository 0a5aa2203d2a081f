import { describe, expect, it } from "vitest";
import { collectImageDigests } from "./image-digests";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

describe("collectImageDigests", () => {
  it("takes Podman's cross product apart: each digest once, with a registry's repository when there is one", () => {
    const image = { Id: "c".repeat(64), RepoDigests: ["localhost/pay", "registry.example/team/pay"].flatMap((repository) => [digest("a"), digest("b")].map((one) => `${repository}@${one}`)) };
    expect(collectImageDigests(image)).toEqual([
      { digest: digest("a"), kind: "unspecified", repository: "registry.example/team/pay" },
      { digest: digest("b"), kind: "unspecified", repository: "registry.example/team/pay" },
      { digest: digest("c"), kind: "config" },
    ]);
  });
  it("keeps a local build recognisable as one", () => {
    expect(collectImageDigests({ Id: digest("c"), RepoDigests: [`localhost/pay@${digest("a")}`] })[0]).toEqual({ digest: digest("a"), kind: "unspecified", repository: "localhost/pay" });
    expect(collectImageDigests({ Id: digest("c"), RepoDigests: [] })).toEqual([{ digest: digest("c"), kind: "config" }]);
  });
  it("reads the id of Docker's containerd store as what its descriptor says", () => {
    const descriptor = { mediaType: "application/vnd.oci.image.index.v1+json", digest: digest("a") };
    expect(collectImageDigests({ Id: digest("a"), RepoDigests: [`team/pay@${digest("a")}`], Descriptor: descriptor })).toEqual([{ digest: digest("a"), kind: "index", repository: "team/pay" }]);
  });
  it("drops what is no digest", () => {
    expect(collectImageDigests({ Id: "sha256:short", RepoDigests: ["pay@md5:123", "nonsense"] })).toEqual([]);
  });
});
