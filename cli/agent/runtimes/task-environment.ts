import type { PrefetchTask, Task } from "./runtime";

/** The variables by which a command of the operator's learns what it is about: one component, or with none named all of them. */
export function taskEnvironment(task: PrefetchTask & Partial<Pick<Task, "generation">>, action: "replace" | "stop" | "prefetch", component?: Task["components"][number]): Record<string, string> {
  const components = component ? [component] : task.components;
  return {
    PLUMBLINE_ACTION: action,
    PLUMBLINE_TARGET: task.target,
    PLUMBLINE_SERVICE: task.service,
    PLUMBLINE_ENVIRONMENT: task.environment,
    PLUMBLINE_COMPONENT: components.map(({ name }) => name).join(" "),
    PLUMBLINE_REPOSITORY: component?.repository ?? task.repository,
    PLUMBLINE_DIGEST: components[0]?.digests[0] ?? "",
    PLUMBLINE_DIGESTS: components.flatMap(({ digests }) => digests).join(" "),
    PLUMBLINE_GENERATION: String(task.generation ?? 0),
    PLUMBLINE_ROLLOUT: task.rollout ?? "",
  };
}
