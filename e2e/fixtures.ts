import { AxeBuilder } from "@axe-core/playwright";
import { test as base, expect, type APIRequestContext, type Page, type PlaywrightWorkerArgs } from "@playwright/test";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const CLI = resolve("dist/plumbline.mjs");

export const url = (): string => process.env["E2E_URL"] ?? "";
export const setup = (): { link: string; token: string } => JSON.parse(process.env["E2E_SETUP"] ?? "{}") as { link: string; token: string };

export type CliResult = { code: number; stdout: string; stderr: string };

/** A host with an agent: enrolled into a pool of one environment, reporting every second. */
export type Host = { name: string; dir: string; stop(): Promise<void>; kill(): Promise<void>; restart(): void; output(): string };

export type Fixtures = {
  /** Runs `plumbline …` against the server as CI would, with the first API token. */
  plumbline: (...args: string[]) => Promise<CliResult>;
  /** The same, parsed (of a stream of lines the last one); fails the test when the command fails. */
  plumblineJson: <T>(...args: string[]) => Promise<T>;
  /** Enrols an agent and keeps it running until the test ends. */
  startHost: (options: { environment: string; name: string; args: string[]; runtime?: string; env?: Record<string, string> }) => Promise<Host>;
  /** A folder that the test's end removes. */
  folder: string;
  /** The API as the signed-in person of the browser. */
  asPerson: (page: Page) => { post<T>(path: string, body: unknown): Promise<T>; get<T>(path: string): Promise<T> };
};

export function runCli(args: string[], env: Record<string, string> = {}): Promise<CliResult> {
  return new Promise((done) => {
    execFile(process.execPath, [CLI, ...args], { env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      done({ code: error ? (typeof error.code === "number" ? error.code : 1) : 0, stdout, stderr });
    });
  });
}

/** `plumbline …` as CI would, which must work. @returns what it printed */
export async function mustRun(...args: string[]): Promise<string> {
  const result = await runCli(args, { PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token });
  expect(result.code, `plumbline ${args.join(" ")}: ${result.stderr}`).toBe(0);
  return result.stdout;
}

/** The API as the person whom the set-up signed in, without a page. Dispose of it. */
export function asSignedIn(playwright: PlaywrightWorkerArgs["playwright"]): Promise<APIRequestContext> {
  return playwright.request.newContext({ storageState: "test-results/.signed-in.json", extraHTTPHeaders: { origin: url(), "sec-fetch-site": "same-origin" } });
}

/** Every console error and every failed script fails the test that caused it. */
export const test = base.extend<Fixtures & { noConsoleErrors: void }>({
  noConsoleErrors: [
    async ({ page }, use) => {
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => {
        // A refused request is the test's own business; what React or the page complains about is not.
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text());
      });
      await use();
      expect(errors).toEqual([]);
    },
    { auto: true },
  ],
  // Playwright reads the names of a fixture's parameters, so an empty pattern says that it needs none.
  // oxlint-disable-next-line no-empty-pattern
  plumbline: async ({}, use) => {
    await use((...args) => runCli(args, { PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token }));
  },
  plumblineJson: async ({ plumbline }, use) => {
    await use(async <T>(...args: string[]) => {
      const result = await plumbline(...args, "--json");
      if (result.code !== 0) throw new Error(`plumbline ${args.join(" ")} ended with ${result.code}: ${result.stderr}`);
      return JSON.parse(result.stdout.trimEnd().split("\n").at(-1) ?? "") as T;
    });
  },
  // oxlint-disable-next-line no-empty-pattern
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "plumbline-e2e-"));
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },
  startHost: async ({ plumbline, plumblineJson, folder }, use, testInfo) => {
    const hosts: Host[] = [];
    await use(async ({ environment, name, args, runtime = "docker", env = {} }) => {
      const pool = `pool-${environment}`;
      await plumbline("pool", "create", pool, "--environment", environment);
      const { token } = await plumblineJson<{ token: string }>("pool", "enrol", pool);
      const state = join(folder, `agent-${name}`);
      const enrolled = await runCli(["agent", "enroll", "--url", url(), "--token", token, "--name", name, "--state", state, "--runtime", runtime, "--interval", "1"], env);
      if (enrolled.code !== 0) throw new Error(`Enrolment failed: ${enrolled.stderr}`);
      const host = runAgentProcess(name, state, ["--runtime", runtime, "--state", state, ...args], env);
      hosts.push(host);
      return host;
    });
    await Promise.all(hosts.map((host) => host.stop()));
    if (testInfo.status !== testInfo.expectedStatus) for (const host of hosts) await testInfo.attach(`agent ${host.name}`, { body: host.output(), contentType: "text/plain" });
  },
  // oxlint-disable-next-line no-empty-pattern
  asPerson: async ({}, use) => {
    await use((page) => ({
      post: async <T>(path: string, body: unknown) => {
        const response = await page.request.post(`${url()}/api/v1/${path}`, { data: body, headers: { origin: url(), "sec-fetch-site": "same-origin" } });
        expect(response.ok(), `${path}: ${await response.text()}`).toBe(true);
        return (await response.json()) as T;
      },
      get: async <T>(path: string) => {
        const response = await page.request.get(`${url()}/api/v1/${path}`);
        expect(response.ok(), `${path}: ${await response.text()}`).toBe(true);
        return (await response.json()) as T;
      },
    }));
  },
});

function runAgentProcess(name: string, dir: string, args: string[], env: Record<string, string>): Host {
  let output = "";
  let child: ChildProcess | null = null;
  const start = () => {
    child = spawn(process.execPath, [CLI, "agent", "run", ...args], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  };
  const end = (signal: NodeJS.Signals) =>
    new Promise<void>((done) => {
      if (!child || child.exitCode !== null || child.signalCode !== null) return done();
      child.once("exit", () => done());
      child.kill(signal);
    });
  start();
  return { name, dir, stop: () => end("SIGTERM"), kill: () => end("SIGKILL"), restart: start, output: () => output };
}

/** axe, WCAG 2.2 AA, on what the page shows now. */
export async function expectAccessible(page: Page): Promise<void> {
  const results = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
  expect(results.violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join(" | ")}`)).toEqual([]);
}

/** Every theme and size, without anything that scrolls sideways. */
export async function expectGood(page: Page): Promise<void> {
  await page.emulateMedia({ reducedMotion: "reduce" });
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `scrolls sideways at ${width} px`).toBeLessThanOrEqual(0);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await test.step(`${width} px, ${colorScheme}`, () => expectAccessible(page));
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

export { makeImage } from "../cli/simulate/image";
export { expect };
