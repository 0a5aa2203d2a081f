/** All sets of facts that are seen of a service, counted in instances. What deviates, what is waived and what moves exclude each other. */
export interface DoctorTally {
  sets: number;
  instances: number;
  silent: number;
  /** Something of them is amiss, and no waiver covers it. */
  amiss: number;
  /** All that is amiss of them is covered by a waiver. */
  waived: number;
  /** A rollout that is under way explains what differs. */
  moving: number;
}

/** Whether all is well with a service, in a sentence. @param wrong how many findings about no single set of facts are open and not waived */
export function summariseDoctor({ service, environment, tally, wrong }: { service: string; environment: string | null; tally: DoctorTally; wrong: number }): { well: boolean; summary: string } {
  const where = environment === null ? "" : ` in ${environment}`;
  const { sets, instances, silent, amiss, waived, moving } = tally;
  if (sets === 0) return { well: false, summary: `Nothing is seen of ${service}${where}.` };
  const all = `${instances} ${instances === 1 ? "instance" : "instances"} of ${service}${where}`;
  const parts = [
    ...(amiss > 0 ? [`${amiss} of ${all} ${amiss === 1 ? "is" : "are"} not as decided`] : []),
    ...(silent > 0 ? [`${silent} ${silent === 1 ? "is" : "are"} silent`] : []),
    ...(wrong > 0 ? [`${wrong} more ${wrong === 1 ? "finding is" : "findings are"} open`] : []),
  ];
  if (parts.length > 0) return { well: false, summary: `${parts.join("; ")}.` };
  const right = instances - waived - moving;
  const rest = [
    right === instances ? `${all} ${right === 1 ? "runs" : "run"} what is assigned` : `${right === 0 ? "none" : right} of ${all} ${right <= 1 ? "runs" : "run"} what is assigned`,
    ...(waived > 0 ? [`${waived} ${waived === 1 ? "differs and is" : "differ and are"} waived`] : []),
    ...(moving > 0 ? [`${moving} ${moving === 1 ? "is" : "are"} explained by a rollout that is under way`] : []),
  ];
  return { well: true, summary: `All is well: ${rest.join("; ")}.` };
}
