import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseListing } from "@/cli/agent/runtimes/exec";
import { listProcesses } from "./list-processes";
import { addRelease, isAlive, readStarted, releasePath } from "./process-store";
import { replaceProcess, startProcess, stopProcess } from "./run-process";

describe.skipIf(process.platform === "win32")("plain processes", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "plumbline-processes-"));
    mkdirSync(join(root, "targets"));
    writeFileSync(join(root, "targets", "pay.json"), JSON.stringify({ service: "payments", args: ["one", "two words"], env: { COLOR: "blue" }, minUpSeconds: 0.2, stopSeconds: 5 }));
  });
  afterEach(async () => {
    await stopProcess(root, "pay");
    rmSync(root, { recursive: true, force: true });
  });

  const release = (text: string): string => {
    const file = join(root, "build");
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
    return addRelease(root, file);
  };
  const shown = () => {
    const observation = parseListing(listProcesses(root).join("\n"), { mayAct: () => true });
    const [instance] = observation.instances;
    return { observation, instance, digest: observation.images.get(instance?.image ?? "")?.digests[0] };
  };

  it("starts a release with its arguments, and lists it by its own bytes", async () => {
    const digest = release('echo "$COLOR $2"; exec sleep 1000');
    expect(shown().observation.targets).toMatchObject([{ key: "pay", labels: { "plumbline.service": "payments" }, desired: 0 }]);
    await startProcess(root, "pay", digest);
    expect(shown()).toMatchObject({ digest: { digest, kind: "file" }, instance: { target: "pay", state: "running", mutated: { count: 0 } } });
    expect(readFileSync(join(root, "logs/pay.log"), "utf8")).toBe("blue two words\n");
  });
  it("shows changed bytes as a mutation", async () => {
    const digest = release("while true; do sleep 1; done");
    await startProcess(root, "pay", digest);
    appendFileSync(releasePath(root, digest), "# changed\n");
    expect(shown()).toMatchObject({ digest: { digest }, instance: { mutated: { count: 1, paths: [`releases/${digest.replace(":", "-")}/run`] } } });
  });
  it("replaces once at a time: who comes second waits, and neither ends what the other starts", async () => {
    const [one, two, three] = [release("exec sleep 1000"), release("exec sleep 1001"), release("exec sleep 1002")];
    await startProcess(root, "pay", one);
    const first = replaceProcess(root, "pay", two);
    await replaceProcess(root, "pay", three);
    await first;
    expect(shown()).toMatchObject({ digest: { digest: three }, instance: { state: "running" } });
    expect(readdirSync(join(root, "state")).filter((file) => file.includes(".lock"))).toEqual([]);
  });
  it("waits for no holder that died", async () => {
    const one = release("exec sleep 1000");
    mkdirSync(join(root, "state"), { recursive: true });
    writeFileSync(join(root, "state", "pay.lock"), JSON.stringify({ pid: 1, startTime: "of another process" }));
    await replaceProcess(root, "pay", one);
    expect(shown()).toMatchObject({ digest: { digest: one }, instance: { state: "running" } });
  });
  it("replaces, and each start is another instance", async () => {
    const [one, two] = [release("exec sleep 1000"), release("exec sleep 1001")];
    await startProcess(root, "pay", one);
    const before = shown().instance?.key;
    const old = readStarted(root, "pay");
    await replaceProcess(root, "pay", two);
    expect(shown().digest?.digest).toBe(two);
    expect(shown().instance?.key).not.toBe(before);
    expect(old && isAlive(old)).toBe(false);
  });
  it("puts the old one back when the new one ends at once, with its last words", async () => {
    const [one, two] = [release("exec sleep 1000"), release("echo no config >&2; exit 7")];
    await startProcess(root, "pay", one);
    await expect(replaceProcess(root, "pay", two)).rejects.toThrow(/exit code 7: no config; the old one was put back/);
    expect(shown()).toMatchObject({ digest: { digest: one }, instance: { state: "running" } });
  });
  it("touches nothing when there is no such release", async () => {
    const one = release("exec sleep 1000");
    await startProcess(root, "pay", one);
    const before = readStarted(root, "pay");
    await expect(replaceProcess(root, "pay", `sha256:${"0".repeat(64)}`)).rejects.toThrow("no release");
    await expect(replaceProcess(root, "pay", "../../etc/passwd")).rejects.toThrow();
    expect(readStarted(root, "pay")).toEqual(before);
    expect(before && isAlive(before)).toBe(true);
  });
  it("does not run a release whose bytes are not its digest's any more", async () => {
    const [one, two] = [release("exec sleep 1000"), release("exec sleep 1001")];
    await startProcess(root, "pay", one);
    appendFileSync(releasePath(root, two), "# changed\n");
    await expect(replaceProcess(root, "pay", two)).rejects.toThrow("were changed");
    expect(shown()).toMatchObject({ digest: { digest: one }, instance: { state: "running" } });
  });
  it("an empty digest stops the target and leaves it so", async () => {
    await startProcess(root, "pay", release("exec sleep 1000"));
    const before = readStarted(root, "pay");
    await replaceProcess(root, "pay", "");
    expect(before && isAlive(before)).toBe(false);
    expect(shown().observation.instances).toEqual([]);
  });
  it("a process that ended by itself is listed as exited", async () => {
    const { pid } = await startProcess(root, "pay", release("exec sleep 1000"));
    process.kill(pid, "SIGKILL");
    await expect.poll(() => shown().instance?.state, { timeout: 10_000 }).toBe("exited");
  });
  it("a definition that cannot be read is named, not missed", () => {
    writeFileSync(join(root, "targets", "broken.json"), "{");
    expect(shown().observation).toMatchObject({ complete: false, errors: [{ message: expect.stringContaining("broken") }] });
    expect(existsSync(join(root, "state"))).toBe(false);
  });
});
