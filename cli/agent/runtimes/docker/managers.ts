import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { ReportedTarget } from "../runtime";
import type { InspectedContainer } from "./engine-types";
import { isRunning, makerOf } from "./facts";

type ManagedBy = NonNullable<ReportedTarget["managedBy"]>;

/** What tells whose a container is. */
export interface Workload {
  /** Without the engine's leading slash. */
  name: string;
  labels: Record<string, string>;
  /** What it was created from. */
  reference: string;
}

/** A running watchtower and which containers it looks after (containrrr.dev/watchtower: arguments, container-selection). */
export interface Watchtower {
  name: string;
  /** Only these; empty for all. */
  names: string[];
  disabled: string[];
  labelEnable: boolean;
  scope: string;
  monitorOnly: boolean;
  labelsWin: boolean;
}

const LABEL = "com.centurylinklabs.watchtower";
/** Its flags that stand alone; every other one takes the word that follows. */
const SWITCHES = new Set(["cleanup", "remove-volumes", "debug", "trace", "monitor-only", "label-enable", "label-take-precedence", "include-stopped", "include-restarting", "revive-stopped", "rolling-restart", "run-once", "no-pull", "no-restart", "no-startup-message", "no-color", "health-check", "http-api-update", "http-api-metrics", "http-api-periodic-polls", "tlsverify", "enable-lifecycle-hooks", "notification-report", "notification-log-stdout", "notification-skip-title", "notification-split-by-container", "notification-email-server-tls-skip-verify", "notification-gotify-tls-skip-verify"]);
const SHORT: Record<string, string> = { c: "cleanup", d: "debug", m: "monitor-only", e: "label-enable", S: "include-stopped", R: "run-once", v: "tlsverify", x: "disable-containers" };

/** How a watchtower was told to choose; null when the container is none, or does not run. */
export function readWatchtower(container: Pick<InspectedContainer, "Name" | "Config" | "State">): Watchtower | null {
  const { Labels: labels, Env: environment, Cmd: command } = container.Config;
  if (labels?.[LABEL] !== "true" || !isRunning(container.State)) return null;
  const flags = new Map<string, string>();
  const names: string[] = [];
  const words = [...(command ?? [])];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const flag = /^(?:--([\w-]+)|-([A-Za-z]))(?:=(.*))?$/.exec(word);
    if (!flag) {
      names.push(word.replace(/^\//, ""));
      continue;
    }
    const name = flag[1] ?? SHORT[flag[2] ?? ""] ?? flag[2] ?? "";
    flags.set(name, flag[3] ?? (SWITCHES.has(name) ? "true" : (words.shift() ?? "")));
  }
  const variables = new Map((environment ?? []).map((line): [string, string] => [line.split("=")[0] ?? "", line.slice(line.indexOf("=") + 1)]));
  const told = (flag: string): string => flags.get(flag) ?? variables.get(`WATCHTOWER_${flag.replaceAll("-", "_").toUpperCase()}`) ?? "";
  return {
    name: container.Name.replace(/^\//, ""),
    names,
    disabled: told("disable-containers").split(/[,\s]+/).filter((one) => one !== ""),
    labelEnable: readBool(told("label-enable")) ?? false,
    scope: told("scope"),
    monitorOnly: readBool(told("monitor-only")) ?? false,
    labelsWin: readBool(told("label-take-precedence")) ?? false,
  };
}

/**
 * Whether a watchtower replaces this container when its tag moves. What was created from a digest it never touches: the
 * pull brings the same image, and an image id it calls pinned.
 */
export function watches(watchtower: Watchtower, { name, labels, reference }: Workload): boolean {
  if (reference.includes("@sha256:") || /^(?:sha256:)?[0-9a-f]{64}$/.test(reference)) return false;
  if (watchtower.names.length > 0 && !watchtower.names.includes(name)) return false;
  if (watchtower.disabled.includes(name)) return false;
  const enabled = readBool(labels[`${LABEL}.enable`]);
  if (enabled === false || (watchtower.labelEnable && enabled === undefined)) return false;
  if (watchtower.scope !== "" && labels[`${LABEL}.scope`] !== watchtower.scope) return false;
  const only = readBool(labels[`${LABEL}.monitor-only`]);
  return !(watchtower.labelsWin ? (only ?? watchtower.monitorOnly) : (only ?? false) || watchtower.monitorOnly);
}

/** As Go's strconv.ParseBool; undefined for what it refuses. */
function readBool(text: string | undefined): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text ?? "")) return true;
  return ["0", "f", "F", "FALSE", "false", "False"].includes(text ?? "") ? false : undefined;
}

/**
 * Which other tool keeps this workload as it is. `autoSync`: it puts its own version back by itself, when a tag moves or
 * at the next start; without it that takes a person's command, after which `detail` says what the file to change is.
 */
export function managerOf(workload: Workload, watchtowers: readonly Watchtower[], unitFile: (unit: string) => string | null = findUnitFile): ManagedBy | null {
  const { labels } = workload;
  const maker = makerOf(labels);
  if (maker?.tool === "systemd") {
    const file = unitFile(maker.name);
    return { tool: file !== null && !file.endsWith(".service") ? "quadlet" : "systemd", name: maker.name.slice(0, 200), autoSync: true, detail: (file ?? maker.name).slice(0, 300) };
  }
  if (maker) return { tool: maker.tool, name: maker.name.slice(0, 200), autoSync: true };
  const watchtower = watchtowers.find((one) => watches(one, workload));
  if (watchtower) return { tool: "watchtower", name: watchtower.name.slice(0, 200), autoSync: true };
  const project = labels["com.docker.compose.project"];
  if (!project) return null;
  const files = labels["com.docker.compose.project.config_files"];
  return { tool: "compose", name: project.slice(0, 200), autoSync: false, ...(files ? { detail: shortenFiles(files) } : {}) };
}

/** As many of the files as 300 characters hold, each whole. */
function shortenFiles(files: string): string {
  if (files.length <= 300) return files;
  const cut = files.lastIndexOf(",", 300);
  return files.slice(0, cut > 0 ? cut : 300);
}

const UNIT = /^[\w:.\\@-]+\.service$/;

/** Where a unit is written down, as far as this host shows it to the agent: its quadlet (podman-systemd.unit(5)), else its unit file. */
export function findUnitFile(unit: string, exists: (path: string) => boolean = existsSync, home: string = homedir()): string | null {
  if (!UNIT.test(unit)) return null;
  const base = unit.slice(0, -".service".length);
  const template = base.includes("@") ? base.slice(0, base.indexOf("@") + 1) : null;
  const names = template === null ? [base] : [base, template];
  const quadlets = ["/etc/containers/systemd", "/usr/share/containers/systemd", "/run/containers/systemd", join(home, ".config/containers/systemd")];
  const units = ["/etc/systemd/system", "/usr/lib/systemd/system", "/run/systemd/system", join(home, ".config/systemd/user")];
  const places = [
    ...quadlets.flatMap((folder) => names.flatMap((name) => [".container", ".kube"].map((suffix) => join(folder, `${name}${suffix}`)))),
    ...units.flatMap((folder) => names.map((name) => join(folder, `${name}.service`))),
  ];
  return places.find(exists) ?? null;
}
