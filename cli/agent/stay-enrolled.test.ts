import { describe, expect, it } from "vitest";
import type { RunEnd } from "./agent";
import { stayEnrolled } from "./stay-enrolled";

/** What is said and waited for while an agent runs as told, and its host is enrolled as told. */
async function follow({ runs, enrolments, stopAfter = Infinity }: { runs: RunEnd[]; enrolments: (string | Error)[]; stopAfter?: number }): Promise<string[]> {
  const told: string[] = [];
  const controller = new AbortController();
  await stayEnrolled({
    run: async () => runs.shift() ?? { retired: false, delivered: false },
    enrolAgain: async () => {
      const next = enrolments.shift() ?? "host-1";
      if (next instanceof Error) throw next;
      return next;
    },
    pause: async (ms) => {
      told.push(String(ms));
      if (told.filter((one) => /^\d+$/.test(one)).length >= stopAfter) controller.abort();
    },
    random: () => 1,
    log: (message) => told.push(message),
    signal: controller.signal,
  });
  return told;
}
const retired = { retired: true, delivered: false };
const used = { retired: true, delivered: true };
const retiring = (seconds: number) => `the server has retired this agent; the host is enrolled again in ${seconds} s`;
const refused = new Error("the server refused the enrolment: 401 used up");

describe("a host whose agent", () => {
  it("is stopped is not enrolled again", async () => {
    expect(await follow({ runs: [used, { retired: false, delivered: true }], enrolments: [] })).toEqual([retiring(4), "4000", "enrolled again as host-1"]);
    expect(await follow({ runs: [], enrolments: [] })).toEqual([]);
  });

  it("was retired waits longer after each refusal, and says why", async () => {
    expect(await follow({ runs: [used], enrolments: [refused, refused] })).toEqual([
      retiring(4), "4000", `the host could not be enrolled again: ${refused.message}`,
      retiring(8), "8000", `the host could not be enrolled again: ${refused.message}`,
      retiring(16), "16000", "enrolled again as host-1",
    ]);
  });

  it("is retired time and again waits longer, until a report was taken", async () => {
    const waits = (await follow({ runs: [retired, retired, retired, used, retired], enrolments: [] })).filter((one) => /^\d+$/.test(one));
    expect(waits).toEqual(["4000", "8000", "16000", "4000", "8000"]);
  });

  it("is refused for ever asks every quarter of an hour, and stops when it is told to", async () => {
    const waits = (await follow({ runs: [retired], enrolments: Array.from({ length: 50 }, () => refused), stopAfter: 40 })).filter((one) => /^\d+$/.test(one));
    expect([waits.length, waits.at(-1)]).toEqual([40, "900000"]);
  });
});
