import { describeApi } from "@/server/http/describe-api";
import { handle, Reply } from "@/server/http/handle";
import { routes } from "./routes";

let described: string | undefined;

export const GET = handle({
  verb: "openapi.read",
  summary: "This document",
  auth: "none",
  run: async () => new Reply((described ??= JSON.stringify(describeApi(routes))), { raw: true, headers: { "content-type": "application/json", "cache-control": "no-cache" } }),
});
