import { processWide } from "@/server/process-wide";

/** For so long at most (ms) reports and questions wait for those who are being told. */
const PATIENCE_MS = 2_000;

const state = processWide("desired.telling", () => ({ open: 0, waiting: new Set<() => void>() }));

/** An agent was woken and is to be answered: reports wait. Call the result when it is answered, or waits again. */
export function beginTelling(): () => void {
  state.open += 1;
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    state.open -= 1;
    if (state.open > 0) return;
    for (const go of state.waiting) go();
    state.waiting.clear();
  };
}

/**
 * Resolves when nobody in this process is being told anything, or after a moment. What agents report, and ask next, waits
 * for it: a rollback is to reach the last of a thousand hosts before the first have told how they obeyed.
 */
export async function afterTelling(): Promise<void> {
  if (state.open === 0) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      clearTimeout(timer);
      state.waiting.delete(go);
      resolve();
    };
    const timer = setTimeout(go, PATIENCE_MS);
    state.waiting.add(go);
  });
}

/** So many are told in one turn of the event loop: whoever writes down what the next are told waits for few. */
const PER_TURN = 5;
const turns = processWide("desired.turns", (): (() => void)[] => []);

/**
 * Lets those who wait for it go on a few at a time: the first of a crowd have their answer on the wire while the last are
 * still to be signed. Without it all would be signed before the first one is sent.
 */
export function inTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (turns.push(resolve) === 1) setImmediate(nextTurn);
  });
}

function nextTurn(): void {
  for (const go of turns.splice(0, PER_TURN)) go();
  if (turns.length > 0) setImmediate(nextTurn);
}
