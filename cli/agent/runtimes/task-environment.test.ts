import { expect, it } from "vitest";
import { taskEnvironment } from "./task-environment";

const [main, proxy] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`];
const task = {
  target: "app", rollout: null, entry: 7, generation: 3, service: "duo", environment: "production", repository: "registry.example.org/duo",
  components: [{ name: "main", digests: [main] }, { name: "proxy", digests: [proxy], repository: "registry.example.org/duo-proxy" }],
};

it("says of each component where its own bytes are", () => {
  const of = (at: number) => taskEnvironment(task, "replace", task.components[at]);
  expect(of(0)).toMatchObject({ PLUMBLINE_COMPONENT: "main", PLUMBLINE_REPOSITORY: "registry.example.org/duo", PLUMBLINE_DIGEST: main });
  expect(of(1)).toMatchObject({ PLUMBLINE_COMPONENT: "proxy", PLUMBLINE_REPOSITORY: "registry.example.org/duo-proxy", PLUMBLINE_DIGEST: proxy });
  expect(taskEnvironment(task, "stop")).toMatchObject({ PLUMBLINE_COMPONENT: "main proxy", PLUMBLINE_REPOSITORY: "registry.example.org/duo", PLUMBLINE_DIGESTS: `${main} ${proxy}` });
});
