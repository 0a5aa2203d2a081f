import { expect, it } from "vitest";
import { instanceState, isRunning, targetKey } from "./facts";

it("says that a container runs for as long as its process does, also while Podman stops it", () => {
  const stopping = { Status: "stopping", Running: false };
  expect(isRunning(stopping)).toBe(true);
  expect(instanceState(stopping)).toBe("running");
});

it("tells what has ended from what has not begun", () => {
  expect(isRunning({ Status: "exited", Running: false })).toBe(false);
  expect(instanceState({ Status: "exited", Running: false })).toBe("exited");
  expect(instanceState({ Status: "created", Running: false })).toBe("waiting");
  expect(instanceState({ Status: "running", Running: true, Restarting: true })).toBe("starting");
});

it.each<[string, Record<string, string>, string]>([
  ["a container", {}, "shop-web-1"],
  ["a copy of a compose service", { "com.docker.compose.project": "shop", "com.docker.compose.service": "web", "com.docker.compose.oneoff": "False" }, "shop/web"],
  ["what compose run started", { "com.docker.compose.project": "shop", "com.docker.compose.service": "web", "com.docker.compose.oneoff": "True" }, "shop/web/run"],
  ["half a label", { "com.docker.compose.project": "shop" }, "shop-web-1"],
])("names the target of %s", (_, labels, key) => {
  expect(targetKey("/shop-web-1", labels)).toBe(key);
});
