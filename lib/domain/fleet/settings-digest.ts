import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { JsonValue } from "@/lib/domain/ledger/canonical-json";
import { canonicalize } from "@/lib/domain/ledger/canonical-json";

/** One mount as the runtime tells it. */
export interface MountSetting {
  /** Where it appears in the container. */
  target: string;
  kind: "bind" | "volume" | "tmpfs" | "other";
  /** The host's path or the volume's name; null for none. */
  source: string | null;
  readOnly: boolean;
}

/** Everything that makes two runs of the same bytes behave differently. */
export interface Settings {
  command: readonly string[];
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  mounts: readonly MountSetting[];
  /** Content hashes of the config and secrets that it refers to, by name. */
  references: Readonly<Record<string, string>>;
}

/** What a runtime puts into the environment by itself; different in every copy. */
const RUNTIME_MADE_ENV: ReadonlySet<string> = new Set(["HOSTNAME", "container", "TERM", "HOME", "PWD", "SHLVL"]);

/** Separates this use of the fleet secret from any other. */
const DOMAIN = "plumbline-settings-v1\n";

/** An anonymous volume's name is made by the runtime: 64 hexadecimal characters. */
function isAnonymousVolume(mount: MountSetting): boolean {
  return mount.kind === "volume" && (mount.source === null || /^[0-9a-f]{64}$/.test(mount.source));
}

/** The settings without what a runtime makes up, one entry per key that can differ. */
function settingsByKey(settings: Settings): Map<string, JsonValue> {
  const keys = new Map<string, JsonValue>([
    ["command", [...settings.command]],
    ["args", [...settings.args]],
  ]);
  for (const [name, value] of Object.entries(settings.env)) {
    if (!RUNTIME_MADE_ENV.has(name)) keys.set(`env ${name}`, value);
  }
  for (const mount of settings.mounts) {
    const source = isAnonymousVolume(mount) ? null : mount.source;
    keys.set(`mount ${mount.target}`, { kind: mount.kind, readOnly: mount.readOnly, source });
  }
  for (const [name, hash] of Object.entries(settings.references)) keys.set(`reference ${name}`, hash);
  return keys;
}

/**
 * The settings digest, `sha256:<64 hex>`: HMAC-SHA-256 under the fleet secret over the RFC 8785 canonical JSON of the
 * settings. Keyed, so that nobody guesses a password from it. The order of env, mounts and references does not matter.
 * @param secret the fleet secret, at least 16 bytes
 */
export function computeSettingsDigest(settings: Settings, secret: Uint8Array): string {
  if (secret.length < 16) throw new RangeError("The fleet secret needs at least 16 bytes.");
  const text = canonicalize(Object.fromEntries(settingsByKey(settings)));
  return `sha256:${bytesToHex(hmac(sha256, secret, utf8ToBytes(DOMAIN + text)))}`;
}

/** The keys in which two settings differ, sorted; never values. */
export function diffSettingsKeys(before: Settings, after: Settings): string[] {
  const left = settingsByKey(before);
  const right = settingsByKey(after);
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => canonicalize(left.get(key) ?? null) !== canonicalize(right.get(key) ?? null))
    .sort();
}
