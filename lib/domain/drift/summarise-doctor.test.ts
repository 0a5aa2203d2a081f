import { describe, expect, it } from "vitest";
import { summariseDoctor, type DoctorTally } from "./summarise-doctor";

const tally = (changes: Partial<DoctorTally> = {}): DoctorTally => ({ sets: 2, instances: 5, silent: 0, amiss: 0, waived: 0, moving: 0, ...changes });

describe("summariseDoctor", () => {
  it.each<[string, DoctorTally, number, boolean, string]>([
    ["nothing is seen", tally({ sets: 0, instances: 0 }), 0, false, "Nothing is seen of payments in staging."],
    ["all is as assigned", tally(), 0, true, "All is well: 5 instances of payments in staging run what is assigned."],
    ["the only one is as assigned", tally({ instances: 1 }), 0, true, "All is well: 1 instance of payments in staging runs what is assigned."],
    ["some deviate", tally({ amiss: 2, waived: 1 }), 0, false, "2 of 5 instances of payments in staging are not as decided."],
    ["some are silent", tally({ silent: 1 }), 0, false, "1 is silent."],
    ["something else is open", tally({ amiss: 1 }), 2, false, "1 of 5 instances of payments in staging is not as decided; 2 more findings are open."],
    ["one is waived", tally({ waived: 1 }), 0, true, "All is well: 4 of 5 instances of payments in staging run what is assigned; 1 differs and is waived."],
    ["some move", tally({ moving: 2, waived: 2 }), 0, true, "All is well: 1 of 5 instances of payments in staging runs what is assigned; 2 differ and are waived; 2 are explained by a rollout that is under way."],
    ["all move", tally({ moving: 5 }), 0, true, "All is well: none of 5 instances of payments in staging runs what is assigned; 5 are explained by a rollout that is under way."],
  ])("%s", (_, input, wrong, well, summary) => {
    expect(summariseDoctor({ service: "payments", environment: "staging", tally: input, wrong })).toEqual({ well, summary });
  });
});
