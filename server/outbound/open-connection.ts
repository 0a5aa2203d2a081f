import { once } from "node:events";
import { connect, type LookupFunction, type Socket } from "node:net";
import type { App } from "@/server/context";
import { orLate } from "./or-late";
import { toOutboundError } from "./outbound-error";
import { resolveHost, type Destination } from "./resolve-host";

/** Answers a socket's question for addresses with those that were vetted, whatever the resolver would say now. */
export function answerWith({ addresses }: Destination): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all) callback(null, addresses);
    else if (first) callback(null, first.address, first.family);
    else callback(new Error("no address"), "");
  };
}

/**
 * Opens a TCP connection to a host whose addresses were vetted, for protocols other than HTTP. Whoever calls speaks TLS on
 * it, held against the host's name, unless `allowed` says that the allow-list names the host; and ends it.
 * @param signal ends the waiting, with its reason
 * @throws OutboundError
 */
export async function openConnection({ config }: { config: Pick<App["config"], "outboundAllow"> }, { host, port, signal }: { host: string; port: number; signal: AbortSignal }): Promise<{ socket: Socket; allowed: boolean }> {
  const destination = await orLate(resolveHost({ config }, { host, port }), signal);
  const socket = connect({ host, port, lookup: answerWith(destination) });
  try {
    await orLate(once(socket, "connect"), signal);
    return { socket, allowed: destination.allowed };
  } catch (error) {
    socket.destroy();
    throw toOutboundError(error, host);
  }
}
