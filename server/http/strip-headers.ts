import { BlockList, isIP } from "node:net";
import type { IncomingHttpHeaders } from "node:http";
import { PEER_HEADER } from "./peer";

const OURS = /^x-(plumbline|middleware|nextjs|next|matched|invoke)-|^x-nonce$/;
const FORWARDED = /^(x-forwarded-|forwarded$|x-real-ip$|x-client-ip$|true-client-ip$|cf-connecting-ip$|via$)/;

/** `matches(address)` for addresses and CIDR blocks. @throws Error naming an entry that is neither */
export function parseTrusted(entries: readonly string[]): (address: string) => boolean {
  // Asked for every request, and a list that nothing was added to costs as much as one with entries.
  if (entries.length === 0) return () => false;
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    const version = isIP(address);
    const bits = prefix === undefined ? (version === 6 ? 128 : 32) : Number(prefix);
    if (version === 0 || !Number.isInteger(bits) || bits < 0 || bits > (version === 6 ? 128 : 32)) throw new Error(`PLUMBLINE_TRUSTED_PROXIES: ${entry} is neither an address nor a CIDR block.`);
    list.addSubnet(address, bits, version === 6 ? "ipv6" : "ipv4");
  }
  return (address) => {
    const plain = plainAddress(address);
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 6 ? "ipv6" : "ipv4");
  };
}

function plainAddress(address: string): string {
  return address.toLowerCase().startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

/** The client as far as trusted proxies vouch for it: the last address in the chain that is none of them. */
export function resolvePeer(socketAddress: string, forwardedFor: string | undefined, isTrusted: (address: string) => boolean): string {
  let peer = plainAddress(socketAddress);
  const chain = (forwardedFor ?? "").split(",").map((part) => part.trim());
  while (isTrusted(peer)) {
    const before = chain.pop();
    if (before === undefined || isIP(before) === 0) break;
    peer = plainAddress(before);
  }
  return peer;
}

/**
 * Cleans what a stranger sent, in place: headers that only this server or Next may set go, those of proxies go unless
 * the peer is one that is trusted, and the peer's address is put in.
 */
export function stripHeaders(headers: IncomingHttpHeaders, socketAddress: string, isTrusted: (address: string) => boolean): void {
  const forwardedFor = headers["x-forwarded-for"];
  const peer = resolvePeer(socketAddress, Array.isArray(forwardedFor) ? forwardedFor.join(",") : forwardedFor, isTrusted);
  const keepForwarded = isTrusted(plainAddress(socketAddress));
  for (const name of Object.keys(headers)) {
    if (OURS.test(name) || (FORWARDED.test(name) && !keepForwarded)) delete headers[name];
  }
  headers[PEER_HEADER] = peer;
}
