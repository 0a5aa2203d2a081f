import { afterAll, beforeAll, expect, it } from "vitest";
import { signCheckpoint as signNote } from "@/lib/domain/ledger/checkpoint";
import { putEnvironment } from "@/server/access/put-environment";
import { writeCheckpointFile } from "@/server/ledger/checkpoint-file";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { serverSigner } from "@/server/ledger/signing-key";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { checkReadiness } from "./check-readiness";

let test: TestApp;
beforeAll(async () => {
  test = await createTestApp();
});
afterAll(() => test.drop());

it("is ready with an open ledger, and says in words that a database was put back, which refuses decisions", async () => {
  const signed = await signCheckpoint(test.app);
  expect(await checkReadiness(test.app)).toMatchObject({ ready: true, database: "ok", migrations: "ok", ledger: "open", ledgerFault: null });

  writeCheckpointFile(test.app.config, signNote({ origin: test.app.keys.origin, size: (signed?.size ?? 0) + 5, root: new Uint8Array(32) }, [serverSigner(test.app.keys)]));
  await expect(signCheckpoint(test.app)).rejects.toMatchObject({ kind: "unavailable", extras: { type: "ledger-behind-file" } });
  expect(await checkReadiness(test.app)).toMatchObject({ ready: true, ledger: "fault", ledgerFault: expect.stringContaining("read-only") });
  const admin = await test.ctx("admin");
  await expect(putEnvironment({ ctx: admin, input: { name: "canary" } })).rejects.toMatchObject({ kind: "unavailable", message: expect.stringContaining("restored from an older copy") });

  writeCheckpointFile(test.app.config, signed?.note ?? "");
  await signCheckpoint(test.app);
  expect(await checkReadiness(test.app)).toMatchObject({ ledger: "open", ledgerFault: null });
});
