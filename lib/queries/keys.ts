import type { RolloutKind } from "@/lib/domain/rollout/statuses";

/** What a preview was asked: another answer for every choice. */
export interface PreviewKey {
  kind: RolloutKind;
  service: string;
  environment: string;
  partition: string;
  version: string | null;
  strategy: "environment" | "all-at-once" | "waves";
  /** Ids, joined by commas; null for all targets. */
  targets: string | null;
}

/** Query keys: narrow, so that a change refetches what it touched and nothing else. The first element is a topic. */
export const keys = {
  session: ["session"] as const,
  matrix: ["fleet", "matrix"] as const,
  map: ["fleet", "map"] as const,
  findings: (filter: { service?: string | null; environment?: string | null; kind?: string | null; state?: string }) => ["findings", filter] as const,
  services: ["fleet", "services"] as const,
  service: (name: string) => ["fleet", "service", name] as const,
  instances: (filter: { service?: string | null; environment?: string | null; category?: string | null }) => ["fleet", "instances", filter] as const,
  instance: (id: string) => ["fleet", "instance", id] as const,
  rollouts: (filter: { service?: string | null; status?: string | null }) => ["rollouts", "list", filter] as const,
  rollout: (id: string) => ["rollouts", "one", id] as const,
  preview: (key: PreviewKey) => ["rollouts", "preview", key] as const,
  groupPreview: (query: Readonly<Record<string, string>>) => ["rollouts", "preview", query] as const,
  /** Among the lists: every rollout that moves may be one of the group's. */
  group: (id: string) => ["rollouts", "list", "group", id] as const,
  releases: (service: string | null) => ["releases", service] as const,
  /** Refetched when somebody asks: what a person decides on does not change while it is read. */
  adoption: (scope: { environment: string | null; service: string | null }) => ["adoption", scope] as const,
  journal: (filter: { service?: string | null; environment?: string | null; instance?: string | null; to?: string | null }) => ["journal", filter] as const,
  agents: ["agents"] as const,
  checkpoint: ["ledger", "checkpoint"] as const,
  environments: ["settings", "environments"] as const,
  tokens: ["settings", "tokens"] as const,
  pools: ["settings", "pools"] as const,
  previewRules: ["settings", "preview-rules"] as const,
  freezes: ["settings", "freezes"] as const,
  strategies: ["settings", "strategies"] as const,
  mapping: ["settings", "mapping"] as const,
  executors: ["settings", "executors"] as const,
  hooks: ["settings", "hooks"] as const,
  /** Among the lists of rollouts: what is announced opens them. */
  announcements: ["rollouts", "announcements"] as const,
  holds: ["settings", "holds"] as const,
  waivers: ["settings", "waivers"] as const,
  recalls: ["settings", "recalls"] as const,
  channels: ["settings", "channels"] as const,
  rolloutDeliveries: (rollout: string) => ["deliveries", { rollout }] as const,
  deliveries: (filter: { status?: string | null }) => ["deliveries", filter] as const,
  toldExecutor: (executor: string) => ["deliveries", "executor", executor] as const,
};

/** Beginnings of keys that a change of a topic makes stale. */
export const STALE_BY_TOPIC: Record<string, readonly (readonly string[])[]> = {
  fleet: [["fleet"]],
  findings: [["findings"], ["journal"], ["fleet", "matrix"], ["settings", "waivers"]],
  rollout: [["rollouts"], ["journal"], ["fleet", "matrix"], ["fleet", "service"]],
  release: [["releases"], ["fleet", "service"], ["settings", "recalls"]],
  assignment: [["fleet", "matrix"], ["fleet", "service"], ["rollouts", "preview"], ["settings", "holds"]],
  agent: [["agents"], ["fleet", "matrix"]],
  ledger: [["ledger"]],
  settings: [["settings"]],
  access: [["session"], ["settings"]],
  delivery: [["deliveries"], ["settings", "executors"], ["settings", "channels"]],
};
