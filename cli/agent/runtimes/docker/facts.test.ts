import { expect, it } from "vitest";
import { instanceState, isRunning } from "./facts";

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
