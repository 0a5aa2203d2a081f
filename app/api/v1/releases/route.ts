import { listReleasesQuery, registerReleaseRequest, releaseDto, releasePage } from "@/lib/contract/releases";
import { handle, Reply } from "@/server/http/handle";
import { listReleases } from "@/server/releases/list-releases";
import { registerRelease } from "@/server/releases/register-release";

export const GET = handle({
  verb: "releases.list",
  summary: "Releases, newest first",
  auth: "session",
  input: { query: listReleasesQuery },
  output: releasePage,
  run: ({ ctx, input }) => listReleases({ ctx, input: input.query }),
});

export const POST = handle({
  verb: "releases.register",
  summary: "Register a version by its manifest bytes; the same artifacts again answer the release that is there",
  auth: "session",
  input: { body: registerReleaseRequest },
  output: releaseDto,
  status: 201,
  run: async ({ ctx, input }) => {
    const { release, created } = await registerRelease({ ctx, input: input.body });
    return new Reply(release, { status: created ? 201 : 200 });
  },
});
