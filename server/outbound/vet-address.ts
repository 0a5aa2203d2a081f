import { BlockList, isIP } from "node:net";

/** Networks that are not the public internet (IANA special-purpose registries), and what each is, in words. */
const REFUSED: readonly (readonly [string, string])[] = [
  ["0.0.0.0/8", "this host"],
  ["10.0.0.0/8", "a private network"],
  ["100.64.0.0/10", "a carrier's shared network"],
  ["127.0.0.0/8", "the loopback"],
  ["169.254.0.0/16", "link-local, where clouds keep their metadata"],
  ["172.16.0.0/12", "a private network"],
  ["192.0.0.0/24", "reserved for protocols"],
  ["192.0.2.0/24", "documentation"],
  ["192.88.99.0/24", "a relay of 6to4"],
  ["192.168.0.0/16", "a private network"],
  ["198.18.0.0/15", "a benchmark network"],
  ["198.51.100.0/24", "documentation"],
  ["203.0.113.0/24", "documentation"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
  ["168.63.129.16/32", "the metadata service of a cloud"],
  ["::/128", "this host"],
  ["::1/128", "the loopback"],
  ["fc00::/7", "a private network"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "site-local"],
  ["ff00::/8", "multicast"],
  ["2001::/23", "reserved for protocols, tunnels among them"],
  ["2001:db8::/32", "documentation"],
  ["2002::/16", "an IPv4 address inside a tunnel"],
  ["3fff::/20", "documentation"],
];
const RULES = REFUSED.map(([cidr, what]) => ({ what, list: blockList(cidr) }));
/** All that is handed out on the public internet today: whatever lies outside is no destination. */
const GLOBAL_UNICAST = blockList("2000::/3");
const MAPPED = blockList("::ffff:0:0/96");

/**
 * Why a request may not go to an address, as the rest of "… is …": `"a private network"`. null: it may.
 * @param address IPv4 in four decimal parts, or IPv6, as a resolver or a socket gives it; a zone index is allowed
 */
export function vetAddress(address: string): string | null {
  const [plain = ""] = address.split("%");
  const family = isIP(plain);
  if (family === 0) return "no address";
  // Before the rules: a block list would look through the mapping, and only at private ones.
  if (family === 6 && MAPPED.check(plain, "ipv6")) return "an IPv4 address written as IPv6";
  const rule = RULES.find(({ list }) => list.check(plain, family === 4 ? "ipv4" : "ipv6"));
  if (rule) return rule.what;
  return family === 6 && !GLOBAL_UNICAST.check(plain, "ipv6") ? "not on the public internet" : null;
}

/** A host, or a network, that requests may go to though it is private; without a port: any. */
export type OutboundAllowance = { host: string; network: null; port: number | null } | { host: null; network: BlockList; port: number | null };

const ENTRY = /^(?:\[([0-9a-fA-F:.]+(?:\/\d{1,3})?)\]|([^[\]:]+))(?::(\d{1,5}))?$/;
const HOST = /^[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?$/;

/**
 * Reads the setting PLUMBLINE_OUTBOUND_ALLOW: hosts, addresses or CIDR blocks, comma-separated, each with an optional port:
 * `hooks.corp.example, 10.1.0.0/16:8443, [fd00::/8]:443, ::1`.
 * @throws Error naming the entry that is none of these
 */
export function parseOutboundAllow(text: string): OutboundAllowance[] {
  return text.split(",").map((part) => part.trim()).filter(Boolean).map((entry) => {
    const bare = isIP(entry.split("/")[0] ?? "") === 6;
    const [, bracketed, plain, portText] = bare ? [entry, entry] : (ENTRY.exec(entry) ?? []);
    const name = (bracketed ?? plain ?? "").toLowerCase();
    const port = portText === undefined ? null : Number(portText);
    if (port !== null && (port < 1 || port > 65_535)) throw new Error(`${entry} has a port that does not exist.`);
    const [address = "", prefix, more] = name.split("/");
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    if (family !== 0 && more === undefined && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= most))) return { host: null, network: blockList(`${address}/${prefix ?? most}`), port };
    // What looks like an address but is none (127.1, 0x7f000001) would be read differently by different readers.
    if (prefix === undefined && HOST.test(name) && !/^(?:0x[0-9a-f]*|\d+)$/.test(name.split(".").at(-1) ?? "")) return { host: name, network: null, port };
    throw new Error(`${entry} is neither a host, an address nor a network such as 10.1.0.0/16:8443.`);
  });
}

/** Whether the allow-list names this host itself, so that its addresses need no vetting. */
export function allowsHost(allow: readonly OutboundAllowance[], host: string, port: number): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  return allow.some((entry) => entry.host === name && (entry.port === null || entry.port === port));
}

/** Whether the allow-list names a network with this address. */
export function allowsAddress(allow: readonly OutboundAllowance[], address: string, port: number): boolean {
  const [plain = ""] = address.split("%");
  const family = isIP(plain);
  if (family === 0 || (family === 6 && MAPPED.check(plain, "ipv6"))) return false;
  return allow.some((entry) => entry.network?.check(plain, family === 4 ? "ipv4" : "ipv6") === true && (entry.port === null || entry.port === port));
}

function blockList(cidr: string): BlockList {
  const [address = "", prefix] = cidr.split("/");
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), isIP(address) === 4 ? "ipv4" : "ipv6");
  return list;
}
