import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { App } from "@/server/context";
import { OutboundError } from "./outbound-error";
import { allowsAddress, allowsHost, vetAddress } from "./vet-address";

/** Name → every address, as the system resolves it. */
export type Resolve = (host: string) => Promise<{ address: string; family: number }[]>;
const resolveWithSystem: Resolve = (host) => lookup(host, { all: true, verbatim: true });

export type Destination = {
  /** At least one; connect to these and to nothing else, without resolving again. */
  addresses: { address: string; family: number }[];
  /** The allow-list names the host or all of its addresses: it may be spoken to without TLS. */
  allowed: boolean;
};

/**
 * Resolves a host and vets every address: one that is not on the public internet refuses the whole host, unless
 * PLUMBLINE_OUTBOUND_ALLOW names it. Whoever calls connects to what was vetted, so that a name that changes between two
 * questions (rebinding) gains nothing.
 * @param host a name, or an address without brackets
 * @throws OutboundError network when nothing resolves, refused-address
 */
export async function resolveHost({ config }: { config: Pick<App["config"], "outboundAllow"> }, { host, port, resolve = resolveWithSystem }: { host: string; port: number; resolve?: Resolve }): Promise<Destination> {
  const literal = isIP(host);
  const addresses = literal === 0 ? await resolveName(host, resolve) : [{ address: host, family: literal }];
  if (allowsHost(config.outboundAllow, host, port)) return { addresses, allowed: true };
  const strangers = addresses.filter(({ address }) => !allowsAddress(config.outboundAllow, address, port));
  for (const { address } of strangers) {
    const what = vetAddress(address);
    if (what !== null) {
      const shown = address === host ? host : `${host} (${address})`;
      throw new OutboundError("refused-address", `${shown} is ${what}: requests go to the public internet only. PLUMBLINE_OUTBOUND_ALLOW can make an exception.`);
    }
  }
  return { addresses, allowed: strangers.length === 0 };
}

async function resolveName(host: string, resolve: Resolve): Promise<Destination["addresses"]> {
  let addresses: Destination["addresses"];
  try {
    addresses = await resolve(host);
  } catch (error) {
    throw new OutboundError("network", `The name ${host} could not be resolved.`, { cause: error });
  }
  if (addresses.length === 0) throw new OutboundError("network", `The name ${host} has no address.`);
  return addresses;
}
