import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { Failure } from "./failure.mjs";
import { inRoot, root } from "./paths.mjs";
import { run } from "./processes.mjs";
import { isRoot } from "./database-user.mjs";

const commands = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
const macApplications = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"];
const downloadTimeoutMs = 240_000;

/** Where a command lies on the PATH, undefined when it is not there. */
function findCommand(name, searchPath = process.env.PATH ?? "") {
  return searchPath
    .split(path.delimiter)
    .map((directory) => path.join(directory, name))
    .find((file) => existsSync(file));
}

/** Why a browser does not start, undefined when it does. `executablePath` undefined: Playwright's own. */
async function launchError(executablePath) {
  const { chromium } = await import("@playwright/test");
  try {
    const browser = await chromium.launch({ executablePath, args: isRoot() ? ["--no-sandbox"] : [], timeout: 60_000 });
    await browser.close();
    return undefined;
  } catch (error) {
    return error.message.split("\n")[0];
  }
}

/** Whether packages may be installed without asking: a throw-away CI machine with apt, as root. */
const mayInstallPackages = (ci) => ci && isRoot() && findCommand("apt-get") !== undefined;

/** Installs Debian packages; returns whether it worked. */
async function installPackages(names, log, signal) {
  log(`Installing ${names.join(", ")} with apt-get …`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run("apt-get", ["update", "-q"], { env, signal, what: "apt-get update" });
    await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...names], { env, signal, what: "apt-get install" });
    return true;
  } catch (error) {
    log(error.message.trim().split("\n").slice(-3).join("\n"));
    return false;
  }
}

/**
 * Finds a Chromium that really starts: the one named in PLAYWRIGHT_CHROMIUM, Playwright's own, the system's; on a CI
 * machine the package manager's; then Playwright's download.
 * @param {{ ci: boolean, log: (line: string) => void, signal?: AbortSignal }} options
 * @returns {Promise<string | undefined>} its path, undefined for Playwright's own
 */
export async function findBrowser({ ci, log, signal }) {
  const named = process.env.PLAYWRIGHT_CHROMIUM;
  if (named) {
    const problem = await launchError(named);
    if (problem) throw new Failure(`PLAYWRIGHT_CHROMIUM names ${named}, which does not start: ${problem}`);
    return named;
  }
  if ((await launchError()) === undefined) return undefined;
  const fromSystem = async () => {
    for (const file of [...commands.map((name) => findCommand(name)), ...macApplications.filter((name) => existsSync(name))]) {
      if (file && (await launchError(file)) === undefined) return file;
    }
    return undefined;
  };
  const present = await fromSystem();
  if (present) return present;
  if (mayInstallPackages(ci)) {
    await installPackages(["chromium", "fonts-dejavu-core"], log, signal);
    const installed = await fromSystem();
    if (installed) return installed;
  }
  if (await download(mayInstallPackages(ci), log, signal)) return undefined;
  throw new Failure(
    "The browser tests need a Chromium and none was found. Any of these will do:\n" +
      "  npx playwright install --with-deps chromium      (downloads Playwright's own)\n" +
      "  apt-get install chromium      dnf install chromium      brew install --cask chromium\n" +
      "  PLAYWRIGHT_CHROMIUM=/path/to/chrome npm test",
  );
}

async function download(withDependencies, log, signal) {
  try {
    await fetch("https://cdn.playwright.dev/", { method: "HEAD", signal: AbortSignal.timeout(5_000) });
  } catch {
    // Not reachable from here: the message below says what else to do.
    return false;
  }
  log("Downloading Playwright's Chromium …");
  try {
    await run(process.execPath, [inRoot("node_modules/@playwright/test/cli.js"), "install", ...(withDependencies ? ["--with-deps"] : []), "--only-shell", "chromium"], {
      cwd: root,
      signal: AbortSignal.any([AbortSignal.timeout(downloadTimeoutMs), ...(signal ? [signal] : [])]),
      what: "Downloading Playwright's Chromium",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    log(String(error.message).trim().split("\n").slice(-3).join("\n"));
    return false;
  }
  return (await launchError()) === undefined;
}

/** On a CI machine: a container engine, a registry and a Prometheus for the tests against real ones. Without them these are skipped. */
export async function provideEngine({ ci, log, signal }) {
  if (!mayInstallPackages(ci)) return;
  const wanted = { podman: "podman", runc: "runc", conmon: "conmon", skopeo: "skopeo", "docker-registry": "docker-registry", busybox: "busybox-static", prometheus: "prometheus" };
  const missing = Object.entries(wanted).filter(([command]) => !hasCommand(command));
  if (missing.length > 0) await installPackages(missing.map(([, name]) => name), log, signal);
}

function hasCommand(name) {
  return spawnSync("sh", ["-c", `PATH="$PATH:/usr/sbin:/usr/lib/podman:/usr/libexec/podman" command -v ${name}`], { stdio: "ignore" }).status === 0;
}
