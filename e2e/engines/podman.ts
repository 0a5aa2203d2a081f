import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { accessSync, constants, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** What has to be installed (Debian: podman runc conmon busybox-static docker-registry). */
const NEEDED = ["podman", "runc", "conmon", "busybox", "docker-registry"] as const;

/** A real Podman engine with an API socket and a loopback registry, all in one throw-away folder. */
export interface PodmanEngine {
  dir: string;
  /** `unix://…`, as DOCKER_HOST takes it. */
  dockerHost: string;
  socket: string;
  /** `127.0.0.1:<port>` */
  registry: string;
  /** Runs the command line against this engine; throws with standard error when it fails. Returns standard output, trimmed. */
  podman(...args: string[]): string;
  /**
   * Builds an image whose only content is busybox and `/www/version`, tags it `localhost/<name>:<tag>` and returns its id.
   * `changes` are Dockerfile instructions (`CMD [...]`, `ENV A=b`).
   */
  build(input: { name: string; tag: string; version: string; changes?: string[] }): string;
  /** Pushes `localhost/<name>:<tag>` to the registry as `<repository>:<tag>`, pulls it back, and returns its manifest digest. */
  publish(input: { name: string; tag: string; repository: string; as?: string }): { reference: string; digest: string };
  /** Ends everything that was started here and removes the folder. */
  stop(): Promise<void>;
}

/** Whether an engine can be started here: null, or one line that says what is missing. */
export function missingForPodman(): string | null {
  if (process.platform !== "linux") return "Podman is started on Linux only";
  if (process.getuid?.() !== 0) return "Podman is started as root only";
  const missing = NEEDED.filter((name) => !findCommand(name));
  return missing.length > 0 ? `not installed: ${missing.join(", ")}` : null;
}

/** Whether `startPodman` can work on this machine. */
export function canStartPodman(): boolean {
  return missingForPodman() === null;
}

/** Starts engine and registry under a new folder; rejects with what the processes said when they do not come up. */
export async function startPodman(): Promise<PodmanEngine> {
  const dir = mkdtempSync(join(tmpdir(), "plumbline-podman-"));
  const port = await freePort();
  const registry = `127.0.0.1:${port}`;
  const socket = join(dir, "podman.sock");
  writeFileSync(join(dir, "containers.conf"), '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]\n[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "file"\n[network]\nnetwork_config_dir = "' + join(dir, "networks") + '"\n');
  writeFileSync(join(dir, "registries.conf"), `unqualified-search-registries = []\n[[registry]]\nlocation = "${registry}"\ninsecure = true\n`);
  writeFileSync(join(dir, "policy.json"), '{"default":[{"type":"insecureAcceptAnything"}]}');
  writeFileSync(join(dir, "registry.yml"), `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${join(dir, "registry")}}, delete: {enabled: true}}\nhttp: {addr: "${registry}", secret: local}\n`);
  const env = { ...process.env, CONTAINERS_CONF: join(dir, "containers.conf"), CONTAINERS_REGISTRIES_CONF: join(dir, "registries.conf"), PATH: searchPath().join(delimiter) };
  const base = ["--root", join(dir, "root"), "--runroot", join(dir, "run"), "--tmpdir", join(dir, "tmp"), "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"];
  const children: ChildProcess[] = [];
  const said: string[] = [];
  const start = (command: string, args: string[]) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    child.stderr?.on("data", (chunk: Buffer) => said.push(chunk.toString()));
    child.on("error", (error) => said.push(error.message));
    children.push(child);
  };

  const podman = (...args: string[]): string => {
    const done = spawnSync("podman", [...base, ...args], { env, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`podman ${args.join(" ")}: ${done.stderr || done.error?.message}`);
    return done.stdout.trim();
  };
  const containers = () => podman("ps", "--all", "--quiet").split("\n").filter((id) => id !== "");
  const stop = async (): Promise<void> => {
    try {
      podman("pod", "rm", "--all", "--force", "--time", "0");
      // One that others share the network of goes together with them; `--all` would stumble over it.
      for (let left = containers(); left.length > 0; left = containers()) podman("rm", "--force", "--depend", "--time", "0", "--volumes", left[0] ?? "");
      for (const network of podman("network", "ls", "--quiet").split("\n")) if (network !== "" && network !== "podman") podman("network", "rm", "--force", network);
    } finally {
      await Promise.all(children.map(endChild));
      rmSync(dir, { recursive: true, force: true });
    }
  };
  try {
    start("docker-registry", ["serve", join(dir, "registry.yml")]);
    start("podman", [...base, "system", "service", "--time=0", `unix://${socket}`]);
    await answers(() => request({ host: "127.0.0.1", port, path: "/v2/" }), said);
    await answers(() => request({ socketPath: socket, path: "/_ping" }), said);
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    dir,
    dockerHost: `unix://${socket}`,
    socket,
    registry,
    podman,
    build: ({ name, tag, version, changes = ['CMD ["/bin/httpd","-f","-p","8080","-h","/www"]'] }) => {
      const root = mkdtempSync(join(dir, "rootfs-"));
      for (const sub of ["bin", "etc", "tmp", "www"]) mkdirSync(join(root, sub));
      copyFileSync(findCommand("busybox") ?? "busybox", join(root, "bin/busybox"), constants.COPYFILE_FICLONE);
      for (const applet of ["sh", "sleep", "cat", "echo", "httpd", "ls", "touch", "false", "env"]) symlinkSync("busybox", join(root, "bin", applet));
      writeFileSync(join(root, "www/version"), `${version}\n`);
      writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
      const archive = `${root}.tar`;
      const packed = spawnSync("tar", ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", root, "-cf", archive, "."], { encoding: "utf8" });
      if (packed.status !== 0) throw new Error(`tar: ${packed.stderr}`);
      return podman("import", "--quiet", ...changes.flatMap((change) => ["--change", change]), archive, `localhost/${name}:${tag}`).split("\n").at(-1) ?? "";
    },
    publish: ({ name, tag, repository, as = tag }) => {
      const reference = `${registry}/${repository}:${as}`;
      const digestFile = join(dir, `digest-${repository.replaceAll("/", "-")}-${as}`);
      podman("push", "--quiet", "--tls-verify=false", "--digestfile", digestFile, `localhost/${name}:${tag}`, `docker://${reference}`);
      const digest = podman("image", "pull", "--quiet", "--tls-verify=false", reference) && spawnSync("cat", [digestFile], { encoding: "utf8" }).stdout.trim();
      return { reference, digest };
    },
    stop,
  };
}

function searchPath(): string[] {
  return [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
}

function findCommand(name: string): string | null {
  for (const folder of searchPath()) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      continue;
    }
  }
  return null;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

async function answers(open: () => ReturnType<typeof request>, said: string[]): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const status = await new Promise<number>((resolve) => {
      open()
        .on("response", (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
        .on("error", () => resolve(0))
        .end();
    });
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the engine does not answer: ${said.join("").slice(-2000)}`);
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const forced = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(forced);
}
