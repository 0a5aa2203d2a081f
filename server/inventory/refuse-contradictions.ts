import type { InventoryReport } from "@/lib/contract/agent";
import { AppError, type FieldProblem } from "@/server/errors";

/**
 * What a schema cannot say of a report: indices that point nowhere, and keys that are given twice.
 * @throws AppError invalid with the fields
 */
export function refuseContradictions(report: InventoryReport): void {
  const fields: FieldProblem[] = [];
  const once = (list: "targets" | "instances"): void => {
    const seen = new Set<string>();
    report[list].forEach(({ key }, at) => {
      if (seen.has(key)) fields.push({ path: `${list}[${at}].key`, message: "is given twice" });
      seen.add(key);
    });
  };
  once("targets");
  once("instances");
  report.instances.forEach(({ image }, at) => {
    if (image >= report.images.length) fields.push({ path: `instances[${at}].image`, message: "is not an index into images" });
  });
  if (report.part > report.parts) fields.push({ path: "part", message: "must not be above parts" });
  const [first] = fields;
  if (first) throw new AppError("invalid", `${first.path} ${first.message}.`, { fields: fields.slice(0, 50) });
}
