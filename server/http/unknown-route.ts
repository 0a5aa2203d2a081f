import { randomUUID } from "node:crypto";
import { AppError } from "@/server/errors";
import { problemResponse } from "./problem";

/** Addresses below /api that nothing serves. */
export function refuseUnknownRoute(): Response {
  const requestId = randomUUID();
  return problemResponse(new AppError("not-found", "There is no such address in the API."), requestId, { "x-request-id": requestId, "cache-control": "no-store" });
}
