import { sqlArray, type Tx } from "@/server/db";

export type ChangeTopic = "fleet" | "findings" | "rollout" | "release" | "assignment" | "agent" | "desired" | "ledger" | "settings" | "access" | "delivery";
export type Change = { topic: ChangeTopic; serviceId?: string | null; serviceName?: string | null; environmentId?: string | null; key?: string | null };

/** Writes change pointers in the transaction that made the change; readers see them when it has committed. */
export async function recordChanges(tx: Tx, changes: Change[]): Promise<void> {
  if (changes.length === 0) return;
  const column = <K extends keyof Change>(name: K) => changes.map((change) => change[name] ?? null);
  await tx.$executeRaw`
    INSERT INTO changes (topic, service_id, service_name, environment_id, key)
    SELECT * FROM unnest(${sqlArray(column("topic"))}::text[], ${sqlArray(column("serviceId"))}::uuid[], ${sqlArray(column("serviceName"))}::text[],
      ${sqlArray(column("environmentId"))}::uuid[], ${sqlArray(column("key"))}::text[])`;
}
