import { join } from "node:path";
import type { SeenCheckpoint } from "@/lib/domain/ledger/desired-state";
import { readJsonFile, writeFileDurably } from "./state-files";

/** The highest desired state that was verified, and the largest checkpoint seen: nothing below them is ever accepted. */
export interface HeldState {
  epoch: number;
  version: number;
  checkpoint: SeenCheckpoint | null;
}

const path = (dir: string) => join(dir, "desired.json");

export async function saveHeldState(dir: string, held: HeldState): Promise<void> {
  await writeFileDurably(path(dir), `${JSON.stringify(held)}\n`);
}

/** What is held; throws when the file is missing or damaged, since beginning at zero would forget what was seen. */
export async function loadHeldState(dir: string): Promise<HeldState> {
  const value = await readJsonFile(path(dir));
  if (!isHeldState(value)) throw new Error(`${path(dir)} is missing or damaged: enrol again`);
  return value;
}

function isHeldState(value: unknown): value is HeldState {
  if (typeof value !== "object" || value === null || !("epoch" in value) || !("version" in value) || !("checkpoint" in value)) return false;
  const { checkpoint } = value;
  const seen = checkpoint === null || (typeof checkpoint === "object" && "size" in checkpoint && typeof checkpoint.size === "number" && "root" in checkpoint && typeof checkpoint.root === "string");
  return Number.isSafeInteger(value.epoch) && Number.isSafeInteger(value.version) && seen;
}
