import type { Command } from "commander";
import type { DoctorCase, DoctorDto, DoctorVerdict } from "@/lib/contract/doctor";
import { createClient, EXIT, type ClientOptions } from "@/cli/client";
import { print } from "@/cli/output";

/** What a terminal shows without breaking lines by itself. */
const COLUMNS = 80;

/** `plumbline doctor`: exit 0 when all is well, 3 with the reasons when something is wrong or unknown. */
export function registerDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("Why does this service look wrong? Which facts, which rules, which digests, in order. Exit 0: all is well. Exit 3: it is not")
    .argument("<service>")
    .option("--environment <name>", "one environment (default: all)")
    .action(async (service: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClientOptions & { json?: boolean; environment?: string }>();
      const doctor = await createClient(options).get<DoctorDto>("doctor", { service, environment: options.environment });
      print(options.json, doctor, describeDoctor(doctor));
      if (!doctor.well) process.exitCode = EXIT.refused;
    });
}

const MARKS = { right: "ok", wrong: "!!", unknown: "??" } as const;
const STEP_WORDS: Record<DoctorCase["steps"][number]["step"], string> = {
  reported: "reported",
  mapped: "belongs",
  resolved: "digests",
  assigned: "assigned",
  approved: "approved",
  recalled: "recalled",
  settings: "settings",
  "in-place": "in place",
  declared: "next time",
};

/** The whole story in lines of at most 80 columns; only a digest or a reference that is longer stands out. */
export function describeDoctor(doctor: DoctorDto): string[] {
  return [
    ...wrap(doctor.summary, ""),
    ...doctor.reasons.flatMap((reason) => wrap(reason, "    ", "  - ")),
    ...doctor.cases.flatMap((one) => ["", ...describeCase(doctor.service, one)]),
    ...(doctor.more > 0 ? ["", `and ${doctor.more} more sets of facts; ask for one environment to see them`] : []),
    ...doctor.findings.flatMap((finding) => ["", ...wrap(`${finding.subject ?? doctor.service}${finding.environment === null ? "" : ` in ${finding.environment}`}`, "  "), ...describeVerdict(finding)]),
    "",
    doctor.well ? `All is well, as of ${doctor.asOf}.` : `Not all is well, as of ${doctor.asOf}.`,
  ];
}

function describeCase(service: string, one: DoctorCase): string[] {
  const where = [service, one.environment, ...(one.partition === "default" ? [] : [one.partition]), ...(one.component === "main" ? [] : [one.component])].join(" / ");
  return [
    ...wrap(`${where}: ${one.instances} ${one.instances === 1 ? "instance" : "instances"}`, "  "),
    ...one.steps.flatMap(({ step, mark, sentence, lines }) => [...wrap(sentence, " ".repeat(17), `  ${MARKS[mark]} ${STEP_WORDS[step].padEnd(10)}  `), ...lines.flatMap((line) => wrap(line, " ".repeat(19), " ".repeat(17)))]),
    ...one.verdicts.flatMap(describeVerdict),
  ];
}

function describeVerdict({ kind, sentence, advice, waived }: DoctorVerdict): string[] {
  return [...wrap(`${kind}${waived ? " (waived)" : ""}: ${sentence}`, "     ", "  => "), ...(advice === null ? [] : wrap(advice, "     "))];
}

/** Breaks at spaces. @param first what the first line begins with; the others begin with `indent` */
function wrap(text: string, indent: string, first: string = indent): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(" ")) {
    if (!empty && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = indent;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}
