import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toBase64 } from "./bytes";
import { CheckpointError, formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from "./checkpoint";
import { EMPTY_ROOT } from "./merkle";
import { SignedNoteError, createSigner } from "./signed-note";

const EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
const root = toBase64(EMPTY_ROOT);

it("reads and writes the specification's example", () => {
  const checkpoint = parseCheckpoint(EXAMPLE);
  expect(checkpoint).toMatchObject({ origin: "example.com/behind-the-sofa", size: 20852163 });
  expect(formatCheckpoint(checkpoint)).toBe(EXAMPLE);
});

it("round-trips", () => {
  fc.assert(
    fc.property(fc.nat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, bytes) => {
      const checkpoint = { origin: "plumbline.example", size, root: Uint8Array.from(bytes) };
      expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
    }),
  );
});

it("leaves extension lines out", () => {
  expect(parseCheckpoint(`a\n0\n${root}\nextension\n`)).toEqual({ origin: "a", size: 0, root: EMPTY_ROOT });
});

describe("refused", () => {
  it.each([
    ["nothing", ""],
    ["no last newline", `a\n0\n${root}`],
    ["two lines", "a\n0\n"],
    ["no origin", `\n0\n${root}\n`],
    ["a leading zero", `a\n01\n${root}\n`],
    ["a sign", `a\n+1\n${root}\n`],
    ["an exponent", `a\n1e3\n${root}\n`],
    ["more than 2^53", `a\n9007199254740993\n${root}\n`],
    ["a short root", `a\n0\n${root.slice(4)}\n`],
    ["a root that is not base64", `a\n0\n${root.replace("=", "")}\n`],
    ["an empty extension line", `a\n0\n${root}\n\n`],
  ])("%s", (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(CheckpointError);
  });

  it("what could not be read again", () => {
    expect(() => formatCheckpoint({ origin: "a\nb", size: 0, root: EMPTY_ROOT })).toThrow(CheckpointError);
    expect(() => formatCheckpoint({ origin: "a", size: -1, root: EMPTY_ROOT })).toThrow(CheckpointError);
    expect(() => formatCheckpoint({ origin: "a", size: 0, root: new Uint8Array(31) })).toThrow(CheckpointError);
  });
});

describe("signed", () => {
  const signer = createSigner("plumbline.example", new Uint8Array(32).fill(7));
  const checkpoint = { origin: "plumbline.example", size: 12, root: EMPTY_ROOT };
  const note = signCheckpoint(checkpoint, [signer]);

  it("opens with the key and the origin", () => {
    expect(openCheckpoint(note, [signer], "plumbline.example")).toEqual(checkpoint);
    expect(openCheckpoint(note, [signer])).toEqual(checkpoint);
  });

  it("not with another key, another origin or another size", () => {
    expect(() => openCheckpoint(note, [createSigner("plumbline.example", new Uint8Array(32))])).toThrow(SignedNoteError);
    expect(() => openCheckpoint(note, [signer], "other.example")).toThrow(CheckpointError);
    expect(() => openCheckpoint(note.replace("12", "13"), [signer])).toThrow(SignedNoteError);
  });
});
