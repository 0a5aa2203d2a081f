import type { Problem } from "@/lib/contract/problem";

/** A problem document that the server answered, or that the network caused (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ApiError";
    this.status = problem.status;
    this.problem = problem;
  }
}

function unreachable(detail: string): ApiError {
  return new ApiError({ type: "/problems/unreachable", title: "Plumbline is not reachable", status: 0, detail, requestId: "none" });
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: "same-origin", headers: { accept: "application/json", ...init.headers } });
  } catch {
    throw unreachable("The server did not answer. What you see is the last state that arrived.");
  }
  const type = response.headers.get("content-type") ?? "";
  const body: unknown = type.includes("json") ? await response.json() : null;
  if (response.ok) return body as T;
  if (body !== null && typeof body === "object" && "detail" in body) throw new ApiError(body as Problem);
  throw new ApiError({ type: "/problems/unexpected", title: "Unexpected answer", status: response.status, detail: `The server answered ${response.status} without saying why.`, requestId: response.headers.get("x-request-id") ?? "none" });
}

/** GETs `path` with the defined ones of `query`. @throws ApiError */
export function getJson<T>(path: string, query: Record<string, string | number | null | undefined> = {}, signal?: AbortSignal): Promise<T> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== null && value !== undefined && value !== "") search.set(key, String(value));
  const suffix = search.size > 0 ? `?${search}` : "";
  return request<T>(`/api/v1/${path}${suffix}`, { signal });
}

/** POSTs JSON under an idempotency key, so that a retry after a lost answer never acts twice. @throws ApiError */
export function postJson<T>(path: string, body: unknown, idempotencyKey: string = crypto.randomUUID()): Promise<T> {
  return request<T>(`/api/v1/${path}`, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", "idempotency-key": idempotencyKey } });
}

/** PUTs JSON: the same body twice is the same state. @throws ApiError */
export function putJson<T>(path: string, body: unknown): Promise<T> {
  return request<T>(`/api/v1/${path}`, { method: "PUT", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
}

/** PATCHes with JSON: what is left out stays. @throws ApiError */
export function patchJson<T>(path: string, body: unknown): Promise<T> {
  return request<T>(`/api/v1/${path}`, { method: "PATCH", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
}

/** DELETEs what the path names. @throws ApiError */
export function deleteJson<T>(path: string): Promise<T> {
  return request<T>(`/api/v1/${path}`, { method: "DELETE" });
}
