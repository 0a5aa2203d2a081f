import { getApp } from "@/server/app";
import { checkReadiness } from "@/server/http/check-readiness";

/** Whether requests can be served: 200, else 503 with what is missing. */
export async function GET(): Promise<Response> {
  const readiness = await checkReadiness(getApp());
  return Response.json(readiness, { status: readiness.ready ? 200 : 503, headers: { "cache-control": "no-store", ...(!readiness.ready && { "retry-after": "2" }) } });
}
