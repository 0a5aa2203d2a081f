import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { OutboundError } from "./outbound-error";
import type { Resolve } from "./resolve-host";
import { sendRequest, type OutboundRequest } from "./send-request";
import { parseOutboundAllow } from "./vet-address";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const app = (allow: string) => ({ config: { outboundAllow: parseOutboundAllow(allow) } });
const to = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({ url, method: "POST", body: "{}", timeoutMs: 10_000, ...more });
const failure = async (work: Promise<unknown>): Promise<OutboundError> => {
  const error = await work.then(() => null, (thrown: unknown) => thrown);
  if (!(error instanceof OutboundError)) throw new Error(`no OutboundError but ${String(error)}`);
  return error;
};
const answering = (...addresses: string[]): Resolve => async () => addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

describe("what goes out", () => {
  it("sends method, headers and body, and gives back status, headers and body", async () => {
    const port = await serve((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part)).on("end", () => {
        response.writeHead(207, { "x-kept": "yes" }).end(JSON.stringify({ method: request.method, url: request.url, type: request.headers["content-type"], length: request.headers["content-length"], host: request.headers.host, body: Buffer.concat(parts).toString() }));
      });
    });
    const answer = await sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/a?b=c`, { method: "PUT", body: "grün", headers: { "content-type": "text/plain" } }));
    expect(answer.status).toBe(207);
    expect(answer.headers["x-kept"]).toBe("yes");
    expect(JSON.parse(answer.body)).toEqual({ method: "PUT", url: "/a?b=c", type: "text/plain", length: "5", host: `127.0.0.1:${port}`, body: "grün" });
  });

  it("connects to the addresses that were vetted, under the host's name", async () => {
    const port = await serve((request, response) => response.end(request.headers.host));
    let asked = 0;
    const resolve: Resolve = async () => {
      asked += 1;
      return [{ address: "127.0.0.1", family: 4 }];
    };
    const answer = await sendRequest(app(`hooks.example:${port}`), to(`http://hooks.example:${port}/`), { resolve });
    expect([answer.body, asked]).toEqual([`hooks.example:${port}`, 1]);
  });

  it("lets a network through without naming the host, plain http included", async () => {
    const port = await serve((_, response) => response.end("ok"));
    expect((await sendRequest(app("127.0.0.0/8"), to(`http://hooks.example:${port}/`), { resolve: answering("127.0.0.1") })).body).toBe("ok");
  });

  it("takes an error status as an answer", async () => {
    const port = await serve((_, response) => response.writeHead(503, { "retry-after": "7" }).end());
    expect(await sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/`))).toMatchObject({ status: 503, headers: { "retry-after": "7" } });
  });
});

describe("where it does not go", () => {
  it.each([
    ["https://127.0.0.1/", "refused-address"],
    ["https://[::1]/", "refused-address"],
    ["https://[::ffff:127.0.0.1]/", "refused-address"],
    ["https://[::ffff:7f00:1]/", "refused-address"],
    ["https://169.254.169.254/latest/meta-data", "refused-address"],
    ["https://10.0.0.1:8443/", "refused-address"],
    ["https://2130706433/", "bad-url"],
    ["https://0x7f000001/", "bad-url"],
    ["https://0177.0.0.1/", "bad-url"],
    ["https://127.1/", "bad-url"],
    ["https://user:word@hooks.example/", "bad-url"],
    ["http://1.1.1.1/", "bad-url"],
    ["ftp://hooks.example/", "bad-url"],
    ["file:///etc/passwd", "bad-url"],
    ["hooks.example", "bad-url"],
    ["", "bad-url"],
  ])("%s: %s", async (url, kind) => {
    expect((await failure(sendRequest(app(""), to(url), { resolve: answering("93.184.216.34") }))).kind).toBe(kind);
  });

  it.each([["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["93.184.216.34", "::1"], ["::ffff:10.0.0.1"], ["fd00:ec2::254"]])("a name that resolves to %s", async (...addresses) => {
    const port = await serve((_, response) => response.end("reached"));
    const error = await failure(sendRequest(app(""), to(`https://rebound.example:${port}/secret-path`), { resolve: answering(...addresses) }));
    expect(error.kind).toBe("refused-address");
    expect(error.message).toContain("rebound.example");
    expect(error.message).not.toContain("secret-path");
  });

  it("an allowed host's other port", async () => {
    expect((await failure(sendRequest(app("127.0.0.1:1"), to("https://127.0.0.1:2/")))).kind).toBe("refused-address");
  });

  it("plain http where the allow-list does not reach, even on the public internet", async () => {
    expect((await failure(sendRequest(app(""), to("http://hooks.example/"), { resolve: answering("93.184.216.34") }))).kind).toBe("bad-url");
  });

  it("after a redirect", async () => {
    const reached: string[] = [];
    const port = await serve((request, response) => {
      reached.push(request.url ?? "");
      response.writeHead(302, { location: "/other" }).end();
    });
    const error = await failure(sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/first`)));
    expect([error.kind, error.status, reached]).toEqual(["redirect", 302, ["/first"]]);
  });
});

describe("how long, how much", () => {
  it("gives up on one that never answers", async () => {
    const port = await serve(() => undefined);
    expect((await failure(sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/`, { timeoutMs: 20 })))).kind).toBe("timeout");
  });

  it("gives up in the middle of an answer that never ends", async () => {
    const port = await serve((_, response) => {
      response.writeHead(200);
      response.write("begun");
    });
    expect((await failure(sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/`, { timeoutMs: 100 })))).kind).toBe("timeout");
  });

  it("gives up on a resolver that never answers", async () => {
    expect((await failure(sendRequest(app(""), to("https://slow.example/", { timeoutMs: 20 }), { resolve: () => new Promise(() => undefined) }))).kind).toBe("timeout");
  });

  it("takes as much as is allowed and no byte more", async () => {
    const port = await serve((request, response) => response.end("x".repeat(Number(request.url?.slice(1)))));
    expect((await sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/100`, { maxBytes: 100 }))).body).toHaveLength(100);
    const error = await failure(sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/101`, { maxBytes: 100 })));
    expect([error.kind, error.status]).toEqual(["too-large", 200]);
  });

  it("says in words what the network did", async () => {
    const port = await serve((request) => request.socket.destroy());
    const ended = await failure(sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/`)));
    expect([ended.kind, ended.message]).toEqual(["network", "127.0.0.1 ended the connection."]);
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    const refused = await failure(sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/`)));
    expect(refused.message).toBe("127.0.0.1 refused the connection.");
    const unknown = await failure(sendRequest(app(""), to("https://nowhere.invalid/"), { resolve: () => Promise.reject(new Error("ENOTFOUND")) }));
    expect([unknown.kind, unknown.message]).toEqual(["network", "The name nowhere.invalid could not be resolved."]);
  });

  it("refuses a header that would start another line", async () => {
    const port = await serve((_, response) => response.end());
    expect((await failure(sendRequest(app("127.0.0.1"), to(`http://127.0.0.1:${port}/`, { headers: { "x-a": "b\r\nx-c: d" } })))).kind).toBe("bad-url");
  });
});
