import { createServer, type AddressInfo, type Socket } from "node:net";
import { SMTPServer } from "smtp-server";
import { afterEach, describe, expect, it } from "vitest";
import type { ShownDestination } from "@/lib/contract/notifications";
import type { Attempt } from "@/lib/domain/notifications/decide-attempt";
import type { Notice } from "@/lib/domain/notifications/notice";
import { readConfig } from "@/server/config";
import { makeSelfSigned } from "@/server/testing/self-signed";
import { mailSender, sendMail } from "./send-mail";

type Mail = { from: string; to: string[]; user: string | undefined; secure: boolean; text: string };
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const PASSWORD = "canary-pass-word";
const tls = makeSelfSigned();

/** A real mail server on loopback. */
async function startMailServer(options: { secure?: boolean; refuse?: number; withoutTls?: boolean } = {}): Promise<{ port: number; mails: Mail[]; logins: string[] }> {
  const mails: Mail[] = [];
  const logins: string[] = [];
  const refusal = (code: number): Error => Object.assign(new Error("not today"), { responseCode: code });
  const server = new SMTPServer({
    ...tls,
    secure: options.secure ?? false,
    authOptional: true,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    ...(options.withoutTls && { disabledCommands: ["STARTTLS"] }),
    onAuth({ username = "", password = "" }, _session, done) {
      logins.push(username);
      if (password === PASSWORD) done(null, { user: username });
      else done(new Error(`no such password ${password}`));
    },
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        if (options.refuse) return done(refusal(options.refuse));
        const from = session.envelope.mailFrom;
        mails.push({ from: from === false ? "" : from.address, to: session.envelope.rcptTo.map(({ address }) => address), user: typeof session.user === "string" ? session.user : undefined, secure: session.secure, text: Buffer.concat(parts).toString("utf8") });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise((resolve) => server.close(() => resolve())));
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new Error("the mail server has no port");
  return { port: address.port, mails, logins };
}

const notice: Notice = { v: 1, event: "test", at: "2026-11-20T02:03:00.000Z", rollout: null, wave: null, reason: null, settles: [] };

function send(port: number, more: Partial<Extract<ShownDestination, { kind: "email" }>> = {}, { allow = "127.0.0.1,localhost", password = null as string | null, body = notice, leftMs = 10_000, sender = sendMail } = {}): Promise<Attempt> {
  const config = readConfig({ DATABASE_URL: "postgres://x", PLUMBLINE_URL: "https://plumbline.example", PLUMBLINE_OUTBOUND_ALLOW: allow });
  const destination: ShownDestination = { kind: "email", host: "127.0.0.1", port, security: "none", user: null, from: "plumbline@shop.example", to: ["oncall@shop.example", "log@shop.example"], ...more };
  return sender({ config }, {
    delivery: { id: "1", messageId: "msg_1", event: "test", wave: null, rolloutId: null, body, attempts: 1 },
    destination: { id: "2", name: "mail", kind: "email", config: destination, secret: JSON.stringify({ password }) },
    now: new Date(0),
    leftMs: () => leftMs,
  });
}

describe("what arrives", () => {
  it("goes to all, with text and HTML, under one id", async () => {
    const { port, mails } = await startMailServer();
    expect(await send(port)).toEqual({ ok: true, status: 250 });
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatchObject({ from: "plumbline@shop.example", to: ["oncall@shop.example", "log@shop.example"], secure: false });
    for (const part of ["Subject: [Plumbline] A test from Plumbline: this channel works", "Message-ID: <msg_1@plumbline.example>", "Auto-Submitted: auto-generated", "text/plain", "text/html", "https://plumbline.example/settings/notifications"]) expect(mails[0]?.text).toContain(part);
  });

  it("starts no further header, whatever a version is called", async () => {
    const { port, mails } = await startMailServer();
    const counts = { total: 0, verified: 0, inFlight: 0, stuck: 0, failed: 0, waiting: 0, gone: 0, withdrawn: 0 };
    const rollout: Notice["rollout"] = { id: "3", number: 1, kind: "promote", service: "payments", environment: "staging", protected: false, partition: "default", from: null, to: { version: "1\r\nBcc: all@evil.example\r\n\r\nbody", artifact: null }, startedBy: "Ada", reason: null, incident: null, counts };
    expect(await send(port, {}, { body: { ...notice, event: "failed", rollout } })).toMatchObject({ ok: true });
    expect(mails[0]?.to).toEqual(["oncall@shop.example", "log@shop.example"]);
    const [head = ""] = (mails[0]?.text ?? "").split("\r\n\r\n");
    expect(head).not.toMatch(/^Bcc:/im);
  });

  it.each([
    ["STARTTLS", false, "starttls"],
    ["TLS from the first byte", true, "tls"],
  ] as const)("%s, with a certificate for the name, and a user", async (_, secure, security) => {
    const { port, mails } = await startMailServer({ secure });
    expect(await send(port, { host: "localhost", security, user: "robot" }, { password: PASSWORD, sender: mailSender({ ca: tls.cert }) })).toEqual({ ok: true, status: 250 });
    expect(mails[0]).toMatchObject({ user: "robot", secure: true });
  });
});

describe("what does not", () => {
  it.each([
    ["nobody vouches for the certificate", {}, undefined, "localhost"],
    ["the certificate is for another name", {}, tls.cert, "127.0.0.1"],
    ["the server knows no STARTTLS", { withoutTls: true }, tls.cert, "localhost"],
  ])("a password, when %s", async (_, options, ca, host) => {
    const { port, mails, logins } = await startMailServer(options);
    const attempt = await send(port, { host, security: "starttls", user: "robot" }, { password: PASSWORD, sender: mailSender(ca === undefined ? {} : { ca }) });
    expect(attempt).toMatchObject({ ok: false, error: expect.stringContaining(host) });
    expect([mails, logins]).toEqual([[], []]);
  });

  it("a mail without TLS where the allow-list does not reach", async () => {
    expect(await send(25, { host: "127.0.0.1" }, { allow: "" })).toMatchObject({ ok: false, permanent: true, error: expect.stringContaining("127.0.0.1 is the loopback") });
  });

  it.each([
    [550, true],
    [451, false],
  ])("a mail that is answered %i; permanent: %s", async (refuse, permanent) => {
    const { port } = await startMailServer({ refuse });
    expect(await send(port)).toMatchObject({ ok: false, status: refuse, permanent, error: expect.stringContaining(`127.0.0.1 answered ${refuse}`) });
  });

  it("the password, in what the server says about it", async () => {
    const { port } = await startMailServer();
    const attempt = await send(port, { user: "robot" }, { password: "another-pass-word" });
    expect(attempt).toMatchObject({ ok: false, status: 535, permanent: true });
    expect(JSON.stringify(attempt)).not.toContain("another-pass-word");
  });

  it("a mail to a server that never greets", async () => {
    const silent = createServer(() => undefined);
    const sockets = new Set<Socket>();
    silent.on("connection", (socket) => void sockets.add(socket));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    closing.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });
    expect(await send((silent.address() as AddressInfo).port, {}, { leftMs: 50 })).toMatchObject({ ok: false, permanent: false, error: "127.0.0.1 did not take the mail within 0.05 s." });
  });

  it("a mail to a server that is not there", async () => {
    expect(await send(1)).toMatchObject({ ok: false, permanent: false, error: "127.0.0.1 refused the connection." });
  });
});
