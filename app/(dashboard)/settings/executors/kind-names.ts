import type { ExecutorConfig } from "@/lib/contract/executors";

export const KIND_NAMES: Record<ExecutorConfig["kind"], string> = { webhook: "Webhook", github: "GitHub Actions", gitlab: "GitLab CI" };
