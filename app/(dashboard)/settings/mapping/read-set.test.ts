import { describe, expect, it } from "vitest";
import type { MappingDto, MappingPreview } from "@/lib/contract/mapping";
import { appendRule, describeMapping, describePreview, listNotes, readSet, ruleNames, whyNoRule, writeSet, type RuleDraft } from "./read-set";

const dto = (changes: Partial<MappingDto> = {}): MappingDto => ({ version: 2, set: { rules: [{ name: "mesh", match: { container: "istio-*" }, ignore: "the mesh" }], aliases: {} }, warnings: [], ignored: [], unmapped: 0, history: [], ...changes });
const preview = (changes: Partial<MappingPreview> = {}): MappingPreview => ({
  version: 2, problems: [], instances: 1_200, targets: 20, moved: { instances: 0, targets: 0 }, ignored: { before: 0, after: 0 }, unmapped: { before: 0, after: 0 }, changes: [], changesInAll: 0, rules: [], refused: [], ...changes,
});

describe("readSet", () => {
  it("reads what it wrote", () => {
    expect(readSet(writeSet(dto().set))).toEqual({ ok: true, set: dto().set });
  });
  it.each(['{\n  "rules": [}\n}', '{ "rules": [', ""])("says that %j is no JSON, and why", (text) => {
    expect(readSet(text)).toEqual({ ok: false, error: expect.stringMatching(/^This is not JSON: .{10}/) });
  });
});

describe("a rule that is asked for field by field", () => {
  const draft = (changes: Partial<RuleDraft> = {}): RuleDraft => ({ name: "vault", look: "container", label: "", pattern: "vault-*", effect: "ignore", value: "the platform's", ...changes });
  it.each<[string, Partial<RuleDraft>, string | null]>([
    ["is one", {}, null],
    ["has a name", { name: " " }, "Give it a name."],
    ["has a name of its own", { name: "mesh" }, "There is a rule of this name."],
    ["names the label", { look: "label" }, "Name the label."],
    ["says what to look for", { pattern: "" }, "Say what it is; * stands for any characters."],
    ["says why", { value: "" }, "Say why nobody judges it."],
    ["says what", { effect: "service", value: "" }, "Name the service."],
  ])("%s", (_, changes, expected) => {
    expect(whyNoRule(draft(changes), ["mesh"])).toBe(expected);
  });
  it("comes last, and leaves the others and the aliases as they are", () => {
    const before = { rules: [{ name: "mesh", match: { container: "istio-*" }, ignore: "the mesh" }], aliases: { a: "b" } };
    const added = (changes: Partial<RuleDraft>) => JSON.parse(appendRule(JSON.stringify(before), draft(changes))) as unknown;
    expect(added({})).toEqual({ ...before, rules: [...before.rules, { name: "vault", match: { container: "vault-*" }, ignore: "the platform's" }] });
    expect(added({ look: "label", label: "team", effect: "partition", value: "{label:team}" })).toEqual({ ...before, rules: [...before.rules, { name: "vault", match: { labels: { team: "vault-*" } }, set: { partition: "{label:team}" } }] });
    expect(ruleNames(JSON.stringify(before))).toEqual(["mesh"]);
  });
  it.each(["{", "[]", "{}", '{ "rules": 3 }', "null"])("leaves %j alone", (text) => {
    expect(appendRule(text, draft())).toBe(text);
    expect(ruleNames(text)).toBe(null);
  });
});

describe("in words", () => {
  it.each<[MappingDto, string]>([
    [dto({ version: 0, set: { rules: [], aliases: {} } }), "No rules: containers belong where their labels and images say."],
    [dto(), "1 rule says whose containers are; none of them ignores anything."],
    [dto({ ignored: [{ rule: "mesh", reason: "x", instances: 12 }] }), "1 rule says whose containers are; 1 of them ignores 12 instances."],
  ])("the mapping", (given, expected) => {
    expect(describeMapping(given)).toBe(expected);
  });
  it("what moves", () => {
    expect(describePreview(preview())).toBe("Nothing moves: all 1,200 instances stay where they are.");
    expect(describePreview(preview({ moved: { instances: 12, targets: 3 }, ignored: { before: 0, after: 12 } }))).toBe("12 of 1,200 instances in 3 of 20 targets move. Ignored: 0 → 12. Of no known service: 0 → 0.");
  });
  it("what is worth knowing of the rules", () => {
    expect(
      listNotes(preview({
        problems: [{ severity: "warning", path: "rules[1]", message: "never decides anything" }, { severity: "error", path: "rules", message: "is wrong" }],
        rules: [{ name: "a", matches: 0, decides: 0, overlaps: [] }, { name: "b", matches: 5, decides: 5, overlaps: [] }, { name: "c", matches: 5, decides: 2, overlaps: ["b"] }],
        changesInAll: 3,
      })),
    ).toEqual(["rules[1] never decides anything.", "a matches nothing that runs now.", "c matches 5 and decides 2; earlier rules decide the others: b.", "The largest 0 of 3 changes are shown."]);
  });
});
