import { createPublicKey, randomBytes, verify } from "node:crypto";
import { toBase64, toHex } from "@/lib/domain/ledger/bytes";
import { signCheckpoint } from "@/lib/domain/ledger/checkpoint";
import { encodeEntry } from "@/lib/domain/ledger/entry";
import { appendLeaf, leafHash, rootOf, type Hash } from "@/lib/domain/ledger/merkle";
import { createSigner, encodeVkey } from "@/lib/domain/ledger/signed-note";
import { createLogVerifier } from "@/lib/domain/ledger/verify-log";
import { report } from "./report";

const ORIGIN = "plumbline/bench";
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** Full offline verification of an export, parsing of its lines included: entries a second. `verify 1000000` for another size. */
export async function run({ args }: { args: string[] }): Promise<void> {
  const size = Number(args[0] ?? 200_000);
  const signer = createSigner(ORIGIN, randomBytes(32));
  const lines: string[] = [];
  let tree: { frontier: Hash[]; size: number } = { frontier: [], size: 0 };
  const at = new Date(0).toISOString();
  while (tree.size < size) {
    const bytes = encodeEntry({ v: 1, ledger: ORIGIN, seq: tree.size, type: "release-approved", at, actor: "somebody", scope: { service: "payments", environment: "production" }, payload: { version: `1.0.${tree.size}`, registered: 1 } });
    const leaf = leafHash(bytes);
    lines.push(JSON.stringify({ index: tree.size, bytes: toBase64(bytes), leaf: toHex(leaf) }));
    tree = appendLeaf(tree.frontier, tree.size, leaf);
  }
  lines.push(JSON.stringify({ checkpoint: signCheckpoint({ origin: ORIGIN, size, root: rootOf(tree.frontier, size) }, [signer]) }));

  const runs: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const started = performance.now();
    const verifier = createLogVerifier({
      vkey: encodeVkey(signer),
      verify: (signature, message, publicKey) => verify(null, message, createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: "der", type: "spki" }), signature),
    });
    for (const line of lines) verifier.line(JSON.parse(line));
    const verdict = verifier.finish();
    if (!verdict.ok) throw new Error(`the log does not verify: ${verdict.problem}`);
    runs.push(Math.round(size / ((performance.now() - started) / 1_000)));
  }
  const value = runs.toSorted((a, b) => a - b)[1] ?? 0;
  report({ bench: "verify", metric: "entries_per_second", value, unit: "1/s", target: ">= 100000", runs: runs.length });
}
