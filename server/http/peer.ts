/** The one header that says who is at the other end. The listener strips it from requests and sets it itself. */
export const PEER_HEADER = "x-plumbline-peer";
/** The path and query of the request, for redirects back to a page after signing in. Set by the proxy. */
export const PATH_HEADER = "x-plumbline-path";

/** Address of the peer; null when the request did not come through the listener. */
export function peerOf(request: { headers: Pick<Headers, "get"> }): string | null {
  return request.headers.get(PEER_HEADER);
}

/** Whether an address is this machine's own, also as an IPv4-mapped IPv6 address. */
export function isLoopbackAddress(address: string | null): boolean {
  if (address === null) return false;
  const plain = address.toLowerCase().replace(/^::ffff:/, "");
  return plain === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain);
}

/** Whether a Host header names this machine, so that a page of a re-bound name is not taken for ours. */
export function isLoopbackHost(host: string | null): boolean {
  if (host === null) return false;
  const name = host.toLowerCase().replace(/:\d+$/, "");
  return name === "localhost" || name === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}
