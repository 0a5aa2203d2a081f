import { z } from "zod";
import { problem } from "@/lib/contract/problem";
import { MAX_BODY_BYTES } from "@/lib/contract/agent";
import type { RouteHandler } from "./handle";

/** One path of the API with the handlers that its route file exports, by method. */
export type DescribedRoute = { path: string; handlers: Partial<Record<string, RouteHandler>> };

type Json = Record<string, unknown>;
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any", cycles: "ref" });
  return rest;
}

/** An OpenAPI 3.1 document, from the very schemas that validate. */
export function describeApi(routes: readonly DescribedRoute[]): Json {
  const paths: Record<string, Json> = {};
  for (const { path, handlers } of routes.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const operations: Json = {};
    for (const method of METHODS) {
      const handler = handlers[method];
      if (handler) operations[method.toLowerCase()] = describeOperation(handler, method);
    }
    paths[path] = operations;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Plumbline",
      version: "1",
      description: `Every refusal is an RFC 9457 problem document. Bodies are JSON of at most ${MAX_BODY_BYTES / 1024 / 1024} MiB, plain or gzip. POSTs of people and tokens may carry an Idempotency-Key.`,
    },
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "An API token (plt_…)." },
        session: { type: "apiKey", in: "cookie", name: "plumbline.session_token", description: "A person's session; writes need our own Origin." },
        agent: { type: "http", scheme: "bearer", description: "An agent's token (pla_…)." },
      },
      responses: { problem: { description: "Refused, with the reason in words and fields", content: { "application/problem+json": { schema: schemaOf(problem, "output") } } } },
    },
  };
}

const SECURITY: Record<string, Json[]> = { session: [{ token: [] }, { session: [] }], agent: [{ agent: [] }], none: [] };

function describeOperation({ spec }: RouteHandler, method: string): Json {
  const { params, query, body } = spec.input ?? {};
  const parameters = [
    ...(params ? parametersOf(params, "path") : []),
    ...(query ? parametersOf(query, "query") : []),
    ...(method === "POST" && spec.auth === "session" ? [{ name: "Idempotency-Key", in: "header", required: false, schema: { type: "string", minLength: 1, maxLength: 200 } }] : []),
  ];
  const status = String(spec.status ?? 200);
  return {
    operationId: `${spec.verb}${method === "GET" || method === "POST" ? "" : `.${method.toLowerCase()}`}`,
    ...(spec.summary && { summary: spec.summary }),
    security: SECURITY[spec.auth],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: schemaOf(body, "input") } } } }),
    responses: {
      [status]: { description: "Done", ...(spec.output && { content: { "application/json": { schema: schemaOf(spec.output, "output") } } }) },
      default: { $ref: "#/components/responses/problem" },
    },
  };
}

type Shape = { properties?: Record<string, unknown>; required?: string[] };

function parametersOf(schema: z.ZodType, where: "path" | "query"): Json[] {
  const shape = schemaOf(schema, "input") as Shape & { oneOf?: Shape[] };
  // Of alternatives every parameter is named; required are those that all of them ask for.
  const shapes = shape.oneOf ?? [shape];
  const names = [...new Set(shapes.flatMap(({ properties = {} }) => Object.keys(properties)))];
  return names.map((name) => {
    const schemas = shapes.flatMap(({ properties = {} }) => (name in properties ? [properties[name]] : []));
    return { name, in: where, required: where === "path" || shapes.every(({ required = [] }) => required.includes(name)), schema: schemas.length === 1 ? schemas[0] : { anyOf: schemas } };
  });
}
