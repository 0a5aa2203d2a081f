import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { fromBase64, toBase64 } from "@/lib/domain/ledger/bytes";
import { canonicalize } from "@/lib/domain/ledger/canonical-json";
import type { AdoptionPlan } from "./plan-adoption";

/** Bytes of a service's name, and of its part of the plan, in a token. */
const SHORT = 4;

const shortHash = (text: string): string => bytesToHex(sha256(utf8ToBytes(text))).slice(0, 2 * SHORT);

/** What would be done, per service, as text: without the numbers, which move all the time. */
function describeServices(plan: AdoptionPlan): Map<string, string> {
  const lines = new Map<string, string[]>();
  const add = (service: string | null, line: string): void => {
    lines.set(service ?? "", [...(lines.get(service ?? "") ?? []), line]);
  };
  for (const { service, environment, partition, release, approves } of plan.places) {
    const { version, known, components } = plan.releases[release] ?? { version: "", known: null, components: [] };
    const bytes = components.map(({ name, artifact, digest, repository }) => ({ name, digest, repository, artifact: "known" in artifact ? artifact.known : artifact.digests.map((one) => one.digest) }));
    add(service, canonicalize({ environment, partition, version, known, approves, components: bytes }));
  }
  for (const { service, environment, partition, component, reason, digest } of plan.leftOut) add(service, canonicalize([environment, partition, component, reason, digest]));
  return new Map([...lines].map(([service, all]) => [service, [...new Set(all)].sort().join("\n")]));
}

/**
 * A token over what an adoption would do: equal exactly when the same would be assigned and left out, however many copies
 * come and go. Behind the dot stands a short hash per service, so that a refusal can name those that changed.
 */
export function adoptionRevision(plan: AdoptionPlan): string {
  const described = describeServices(plan);
  const services = [...described].map(([service, text]) => shortHash(`service ${service}`) + shortHash(text)).sort();
  const token = bytesToHex(sha256(utf8ToBytes(`plumbline-adoption-v1\n${canonicalize(Object.fromEntries(described))}`))).slice(0, 32);
  return `${token}.${toBase64(hexToBytes(services.join("")))}`;
}

/** Whether a token stands for this plan. */
export function isRevision(expected: string, plan: AdoptionPlan): boolean {
  return expected.split(".", 1)[0] === adoptionRevision(plan).split(".", 1)[0];
}

const MOST_NAMED = 20;

/** What changed since a token was given out, one sentence each. Empty when nothing did. */
export function describeAdoptionChanges(expected: string, plan: AdoptionPlan): string[] {
  if (isRevision(expected, plan)) return [];
  const before = readServices(expected);
  const changes: string[] = [];
  for (const [service, text] of [...describeServices(plan)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const key = shortHash(`service ${service}`);
    const was = before.get(key);
    before.delete(key);
    const name = service === "" ? "What belongs to no service" : service;
    if (was === undefined) changes.push(`${name} is new on the list.`);
    else if (was !== shortHash(text)) changes.push(`${name}: something else would be assigned or left out now.`);
  }
  if (before.size > 0) changes.push(before.size === 1 ? "One service is no longer on the list." : `${before.size} services are no longer on the list.`);
  if (changes.length === 0) changes.push("The fleet moved since the preview.");
  return changes.length > MOST_NAMED ? [...changes.slice(0, MOST_NAMED), `And ${changes.length - MOST_NAMED} more changes.`] : changes;
}

/** The short hashes in a token, by service; empty for one that holds none. */
function readServices(token: string): Map<string, string> {
  const bytes = fromBase64(token.split(".")[1] ?? "") ?? new Uint8Array();
  const hex = bytesToHex(bytes);
  const services = new Map<string, string>();
  for (let at = 0; at + 4 * SHORT <= hex.length; at += 4 * SHORT) services.set(hex.slice(at, at + 2 * SHORT), hex.slice(at + 2 * SHORT, at + 4 * SHORT));
  return services;
}
