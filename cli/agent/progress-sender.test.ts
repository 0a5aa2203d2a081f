import { describe, expect, it } from "vitest";
import type { ProgressReport } from "@/lib/contract/agent";
import { ProgressSender } from "./progress-sender";
import type { ProgressLine } from "./runtimes/runtime";

const line = (target: string, step: ProgressLine["step"], more: Partial<ProgressLine> = {}): ProgressLine => ({ scope: "engine", target, rollout: null, generation: 2, step, at: "2026-11-20T02:14:31.000Z", ...more });

/** A server that answers by what it is sent. */
async function send(lines: readonly ProgressLine[], answer: (sent: ProgressReport) => number) {
  const taken: ProgressReport[] = [];
  const heard: string[] = [];
  const log: string[] = [];
  const sender = new ProgressSender({
    transport: {
      post: async (_, bytes) => {
        const body = JSON.parse(Buffer.from(bytes).toString("utf8")) as ProgressReport;
        const status = answer(body);
        if (status === 204) taken.push(body);
        return { status, body: status === 204 ? null : { title: "no", status, detail: "The body is not as described." } };
      },
      get: async () => ({ status: 204, body: null }),
      close: () => undefined,
    },
    random: () => 0,
    log: (message) => void log.push(message),
    onEndHeard: async (target) => void heard.push(target),
    pause: async () => undefined,
    givesUp: () => false,
  });
  for (const one of lines) sender.add(one);
  sender.hold(7);
  await sender.flush();
  return { taken: taken.flatMap(({ targets }) => targets ?? []), held: taken.flatMap(({ heldVersion }) => heldVersion ?? []), heard, log };
}

const holds = (text: string) => (sent: ProgressReport) => (JSON.stringify(sent).includes(text) ? 400 : 204);

describe("what a server refuses for its content", () => {
  it("is told line by line, and the others are not lost with it", async () => {
    const bad = line("b", "failed", { reason: "unhealthy", message: "poison", healthOutput: "poison", logs: ["poison"] });
    const { taken, held, heard } = await send([line("a", "done"), bad, line("c", "done")], holds("poison"));
    // How it ended counts more than what it printed.
    expect(taken).toEqual([line("a", "done"), line("b", "failed", { reason: "unhealthy" }), line("c", "done")]);
    expect(held).toEqual([7]);
    expect(heard).toEqual(["a", "b", "c"]);
  });
  it("is given up when nothing is left to leave out, and is not taken for heard", async () => {
    const { taken, held, heard, log } = await send([line("poison", "done"), line("a", "done")], holds("poison"));
    expect(held).toEqual([7]);
    expect(taken).toEqual([line("a", "done")]);
    expect(heard).toEqual(["a"]);
    expect(log.at(-1)).toContain("refused the progress");
  });
});

it("a refusal that is not taken takes no line with it", async () => {
  const { taken, held } = await send([line("a", "failed", { reason: "unhealthy", message: "why" })], (sent) => (sent.heldVersion !== undefined ? 400 : 204));
  expect(taken).toEqual([line("a", "failed", { reason: "unhealthy", message: "why" })]);
  expect(held).toEqual([]);
});

it("an answer that is none is no reason to take an outcome for heard", async () => {
  expect(await send([line("a", "done")], () => 403)).toMatchObject({ taken: [], heard: [] });
});

it("what was too much at once is sent together again when it was told line by line", async () => {
  const sizes: number[] = [];
  const { taken } = await send(Array.from({ length: 450 }, (_, at) => line(`t${at}`, "done")), (sent) => {
    sizes.push(sent.targets?.length ?? 0);
    return sizes.length === 1 ? 413 : 204;
  });
  expect(taken).toHaveLength(450);
  expect(sizes.filter((size) => size > 1)).toEqual([200, 200, 50]);
});
