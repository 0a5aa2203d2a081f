import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { describeApi } from "@/server/http/describe-api";
import { agentRoutes } from "@/server/http/agent-routes";
import { routes } from "./routes";

const root = join(import.meta.dirname, "../../../..");
const filesBelow = (folder: string): string[] => readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((file) => /(^|\/)route\.tsx?$/.test(file));
const pathOf = (prefix: string, file: string): string => `${prefix}/${file.replace(/\/?route\.tsx?$/, "").replaceAll(/\[(\w+)\]/g, "{$1}")}`;

/** The description itself, and the one route for browsers without script, which answers with pages. */
const UNDESCRIBED = new Set(["/api/v1/openapi.json", "/api/v1/rollbacks/form"]);

describe("the API description", () => {
  it("knows every route file, and no other: a new one is named in routes.ts", () => {
    const files = filesBelow("app/api/v1").map((file) => pathOf("/api/v1", file)).filter((path) => !UNDESCRIBED.has(path));
    const described = routes.map(({ path }) => path).filter((path) => path.startsWith("/api/v1/"));
    expect(described.toSorted()).toEqual(files.toSorted());
  });

  it("knows every agents' route, which Next can serve as well as the listener", () => {
    const files = existsSync(join(root, "app/api/agent/v1")) ? filesBelow("app/api/agent/v1") : [];
    expect(agentRoutes.map(({ path }) => path).toSorted()).toEqual(files.map((file) => pathOf("/api/agent/v1", file)).toSorted());
    for (const { method, path } of agentRoutes) expect(readFileSync(join(root, "app", path.slice(1), "route.ts"), "utf8")).toMatch(new RegExp(`export const ${method} |as ${method} }`));
  });

  it("is made from the schemas that validate", () => {
    const document = JSON.parse(JSON.stringify(describeApi(routes)));
    expect(document.openapi).toBe("3.1.0");
    const post = document.paths["/api/v1/tokens"].post;
    expect(post.requestBody.content["application/json"].schema).toMatchObject({ type: "object", additionalProperties: false });
    expect(post.parameters.map((parameter: { name: string }) => parameter.name)).toContain("Idempotency-Key");
    expect(document.paths["/api/v1/tokens/{id}"].delete.parameters).toMatchObject([{ name: "id", in: "path", required: true }]);
    for (const [path, operations] of Object.entries<Record<string, { operationId: string; responses: object }>>(document.paths)) {
      expect(Object.keys(operations), path).not.toHaveLength(0);
    }
  });

  it("names each operation once", () => {
    const ids = Object.values(describeApi(routes).paths as Record<string, Record<string, { operationId: string }>>).flatMap((operations) => Object.values(operations).map(({ operationId }) => operationId));
    expect(new Set(ids).size).toBe(ids.length);
  });
});
