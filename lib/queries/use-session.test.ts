import { describe, expect, it } from "vitest";
import type { SessionDto } from "@/lib/contract/access";
import { explainRefusal } from "./use-session";

const session = (roles: SessionDto["roles"]): SessionDto => ({ actor: "8a1c2b34-0000-4000-8000-000000000001", name: "Ines", kind: "person", demo: false, roles });

describe("explainRefusal", () => {
  it("names the missing role and where", () => {
    expect(explainRefusal(session([{ role: "viewer", service: "*", environment: "*" }]), "rollouts.rollback", { service: "payments", environment: "production" })).toBe(
      "This needs the role operator for service payments, environment production.",
    );
  });
  it("is silent where a role covers it", () => {
    expect(explainRefusal(session([{ role: "operator", service: "pay*", environment: "*" }]), "rollouts.rollback", { service: "payments", environment: "production" })).toBeNull();
  });
  it("refuses as long as nobody is known", () => {
    expect(explainRefusal(undefined, "rollouts.rollback", {})).not.toBeNull();
  });
});
