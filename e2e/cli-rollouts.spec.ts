import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, runCli, test } from "./fixtures";

type Line = { at: string; number: number; status: string; final: boolean; exit?: number; waitsForPerson: string | null; counts: { total: number; verified: number }; waves: { ordinal: number; status: string }[] };
type Started = { id: string; number: number; status: string };

const SERVICE = "wave-api";
const TARGETS = ["wave-a", "wave-b", "wave-c", "wave-d"];
const STRATEGY = { cut: { kind: "percentages", steps: [25, 100] }, waves: [{ wave: 2, goAhead: true }], minUptimeMs: 200 };

/** Every line is JSON; only the last one is final. */
function readLines(stdout: string): Line[] {
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Line);
  expect(lines.map((line) => line.final)).toEqual([...lines.slice(1).map(() => false), true]);
  return lines;
}

test("a shell rolls out in waves: watches, pauses, says go, stops, and a script can tell each end from the others", async ({ page, plumbline, plumblineJson, startHost, folder, asPerson }) => {
  const root = join(folder, "apps");
  mkdirSync(join(root, "targets"), { recursive: true });
  const strategy = join(folder, "strategy.json");
  writeFileSync(strategy, JSON.stringify(STRATEGY));
  for (const version of ["1.0.0", "2.0.0"]) {
    const file = join(folder, `wave-${version}`);
    writeFileSync(file, `#!/bin/sh\n# wave ${version}\nwhile true; do sleep 1; done\n`);
    chmodSync(file, 0o755);
    await runCli(["processes", "add", "--root", root, file]);
    await plumblineJson("release", "register", SERVICE, version, `file:${file}`);
  }
  for (const target of TARGETS) writeFileSync(join(root, "targets", `${target}.json`), JSON.stringify({ service: SERVICE, args: [], env: {} }));
  const command = (verb: string) => `"${process.execPath}" "${join(process.cwd(), "dist/plumbline.mjs")}" processes ${verb} --root "${root}"`;
  await startHost({ environment: "dev", name: "vm-waves", runtime: "exec", args: ["--act", "*", "--list-command", command("list"), "--replace-command", command("replace"), "--poll-interval", "1"] });

  // Everyone at once, watched to the end: the last line says how it ended.
  await expect.poll(async () => (await plumbline("promote", SERVICE, "dev", "1.0.0", "--preview", "--json")).stdout).toContain('"targets":4');
  const first = await plumbline("promote", SERVICE, "dev", "1.0.0", "--strategy", "all-at-once", "--wait", "--timeout", "60s");
  expect(first.code, first.stderr).toBe(0);
  expect(readLines(first.stdout).at(-1)).toMatchObject({ status: "succeeded", exit: 0, counts: { total: 4, verified: 4 } });

  // The same job twice under one key is one rollout.
  const promote = ["promote", SERVICE, "dev", "2.0.0", "--strategy", strategy, "--idempotency-key", "job-1"];
  const started = await plumblineJson<Started>(...promote);
  expect((await plumblineJson<Started>(...promote)).id).toBe(started.id);
  const rollout = `R-${started.number}`;

  // The canary passes; then only a person can help, and nobody is waited for.
  const waits = await plumbline("rollout", "watch", rollout, "--no-wait-for-people", "--timeout", "60s");
  expect(waits.code, waits.stderr).toBe(5);
  expect(readLines(waits.stdout).at(-1)).toMatchObject({ status: "running", exit: 5, counts: { verified: 1 }, waves: [{ status: "passed" }, { status: "waiting" }] });
  expect(readLines(waits.stdout).at(-1)?.waitsForPerson).toContain(`plumbline rollout go-ahead ${rollout} --wave 2`);
  expect((await plumbline("rollout", "watch", SERVICE, "dev", "--timeout", "500ms")).code).toBe(124);

  expect((await plumblineJson<Started>("rollout", "pause", rollout, "--reason", "lunch")).status).toBe("paused");
  const paused = await plumbline("rollout", "watch", rollout, "--no-wait-for-people");
  expect(paused.code).toBe(5);
  expect(readLines(paused.stdout).at(-1)?.waitsForPerson).toContain(`plumbline rollout resume ${rollout}`);
  expect((await plumblineJson<Started>("rollout", "resume", rollout)).status).toBe("running");
  expect((await plumbline("rollout", "show", rollout)).stdout).toContain("waits for a person");

  // A machine that nobody stands behind is no person; whoever is signed in is.
  const machine = await plumbline("rollout", "go-ahead", rollout);
  expect([machine.code, machine.stderr]).toEqual([3, expect.stringContaining("needs a person")]);
  await asPerson(page).post(`rollouts/${started.id}/go-ahead`, { wave: 2 });
  const done = await plumbline("rollout", "watch", rollout, "--timeout", "60s");
  expect(done.code, done.stderr).toBe(0);
  expect(readLines(done.stdout).at(-1)).toMatchObject({ status: "succeeded", counts: { total: 4, verified: 4 } });
  // What ended long ago is told again, and no more.
  expect((await plumbline("rollout", "watch", rollout)).code).toBe(0);

  // Back, and half-way forwards again: stopping there is not a success, and holds what comes after.
  expect((await plumbline("rollback", SERVICE, "dev", "--to", "1.0.0", "--reason", "it was better", "--no-hold", "--wait", "--timeout", "60s")).code).toBe(0);
  const again = await plumblineJson<Started>("promote", SERVICE, "dev", "2.0.0", "--strategy", strategy);
  expect((await plumbline("rollout", "watch", `R-${again.number}`, "--no-wait-for-people", "--timeout", "60s")).code).toBe(5);
  expect((await plumblineJson<Started>("rollout", "abort", `R-${again.number}`, "--reason", "enough")).status).toBe("aborted");
  expect((await plumbline("rollout", "watch", `R-${again.number}`)).code).toBe(1);
  const refused = await plumbline("promote", SERVICE, "dev", "2.0.0");
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain("held");
  expect((await plumbline("rollout", "list", SERVICE, "dev")).stdout).toMatch(/aborted[\s\S]*rollback[\s\S]*succeeded/);

  // Nothing listens there, and nothing is stopped by a slip of the hand.
  expect((await plumbline("rollout", "list", "--url", "http://127.0.0.1:9")).code).toBe(4);
  const slip = await plumbline("stop", SERVICE, "dev", "--reason", "cleaning", "--confirm", "wave-apx");
  expect([slip.code, slip.stderr]).toEqual([3, expect.stringContaining(`--confirm ${SERVICE}`)]);
  expect((await plumbline("stop", SERVICE, "dev", "--reason", "cleaning", "--confirm", SERVICE, "--wait", "--timeout", "60s")).code).toBe(0);
});
