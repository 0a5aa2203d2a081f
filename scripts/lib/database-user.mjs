import { spawnSync } from "node:child_process";
import { chownSync, cpSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { createHash } from "node:crypto";
import path from "node:path";
import { Failure } from "./failure.mjs";
import { readJson } from "./files.mjs";
import { inRoot, root } from "./paths.mjs";

/** PostgreSQL refuses to run as root. Started by root, it runs as this system user, created only if absent. */
const userName = "plumbline";
const systemDirectory = "/var/lib/plumbline";

export const isRoot = () => process.getuid?.() === 0;

function idOf(name) {
  const ids = ["-u", "-g"].map((flag) => spawnSync("id", [flag, name], { encoding: "utf8" }));
  return ids.every((answer) => answer.status === 0) ? { uid: Number(ids[0].stdout), gid: Number(ids[1].stdout) } : undefined;
}

/** The user that the database runs as when we are root. */
function databaseUser() {
  const existing = idOf(userName);
  if (existing) return existing;
  const attempts = [
    ["useradd", ["--system", "--user-group", "--no-create-home", "--home-dir", systemDirectory, "--shell", "/usr/sbin/nologin", userName]],
    ["adduser", ["-S", "-D", "-H", "-h", systemDirectory, "-s", "/sbin/nologin", userName]],
  ];
  for (const [command, args] of attempts) {
    spawnSync(command, args, { stdio: "ignore" });
    // Another start may have created it at the same moment; all that counts is that it exists.
    const created = idOf(userName);
    if (created) return created;
  }
  throw new Failure(
    `PostgreSQL does not run as root, and no system user "${userName}" could be created for it. Create one (useradd --system ${userName}), or start Plumbline as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.`,
  );
}

/** Whether that user can get into a directory: every folder above it has to let it through. */
function canEnter(directory, owner) {
  return spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", directory], { uid: owner.uid, gid: owner.gid, cwd: "/", stdio: "ignore" }).status === 0;
}

/** Where things go that the database's user cannot reach in the checkout or the data folder. */
function fallbackDirectory(checkout, dataDir) {
  const hash = createHash("sha256").update(`${checkout}\0${dataDir}`).digest("hex").slice(0, 16);
  return path.join(systemDirectory, hash);
}

/**
 * Decides who runs the database, from which binaries, on which files.
 * @param {{ dataDir: string, native: string, recorded?: string, log: (line: string) => void }} options
 *   `native`: the platform package's binaries; `recorded`: where an earlier start put the files
 * @returns {{ pgData: string, native: string, owner?: { uid: number, gid: number } }} owner: undefined for ourselves
 */
export function placeDatabase({ dataDir, native, recorded, log }) {
  const inside = path.join(dataDir, "pg");
  if (recorded && !existsSync(recorded)) {
    throw new Failure(`The database's files were in ${recorded} and are gone. Put them back, or, to begin with an empty database, remove ${dataDir}.`);
  }
  const existing = [recorded, inside].find((directory) => directory && existsSync(directory));
  if (!isRoot()) {
    refuseForeignFiles(existing);
    return { pgData: existing ?? inside, native };
  }
  const owner = existing ? ownerOf(existing) : databaseUser();
  const fallback = fallbackDirectory(root, realpathSync(dataDir));
  const pgData = existing ?? (canEnter(dataDir, owner) ? inside : path.join(fallback, "pg"));
  if (existing && !canEnter(path.dirname(existing), owner)) {
    throw new Failure(`The database's user (uid ${owner.uid}) can no longer reach its files in ${existing}. Let it through the folders above (chmod o+x), then start again.`);
  }
  if (pgData !== inside && !existing) log(`The database's user cannot reach ${dataDir}: its files are kept in ${pgData}`);
  if (!existing && existsSync(pgData)) {
    // The data folder was removed to begin anew. These files are useless without its keys, but they are not ours to delete.
    const aside = `${pgData}.left-${new Date().toISOString().replace(/[:.]/g, "")}`;
    renameSync(pgData, aside);
    log(`An earlier database of a removed data folder was moved to ${aside}; delete it if nobody misses it.`);
  }
  mkdirSync(path.dirname(pgData), { recursive: true, mode: 0o755 });
  return { pgData, native: canEnter(native, owner) ? native : copyBinaries(native, path.join(fallback, "native"), log), owner };
}

function refuseForeignFiles(directory) {
  const uid = directory && statSync(directory).uid;
  if (directory && uid !== process.getuid?.() && process.platform !== "win32") {
    throw new Failure(`The database's files in ${directory} belong to another user (uid ${uid}): an earlier start ran as root or as that user. Start it the same way, or use another folder with PLUMBLINE_DATA.`);
  }
}

/** Files that an ordinary user made stay that user's, even if root starts the next time. */
function ownerOf(directory) {
  const { uid, gid } = statSync(directory);
  if (uid === 0) throw new Failure(`The database's files in ${directory} belong to root, and PostgreSQL does not run as root. Give them back to the user "${userName}" (chown -R ${userName}: ${directory}).`);
  return { uid, gid };
}

function copyBinaries(native, target, log) {
  const { version } = readJson(path.join(native, "..", "package.json"));
  const copy = `${target}-${version}`;
  if (!existsSync(copy)) {
    log(`The database's user cannot reach ${inRoot("node_modules")}: its programs are copied to ${copy}`);
    const draft = `${copy}.${process.pid}`;
    mkdirSync(path.dirname(copy), { recursive: true, mode: 0o755 });
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(draft, copy);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      // Another start copied the same files first.
      if (!existsSync(copy)) throw error;
    }
  }
  return copy;
}

/** Gives a path to the database's user, when that is not ourselves. */
export function giveTo(owner, file) {
  if (owner) chownSync(file, owner.uid, owner.gid);
}
