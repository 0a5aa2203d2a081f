import { sqlStateOf } from "@/server/db";
import { AppError } from "@/server/errors";

/** The index that allows one active rollout per place has the last word: who loses that race is told so. */
export async function oncePerPlace<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (sqlStateOf(error) !== "23505") throw error;
    throw new AppError("conflict", "Another rollout was started here at the same moment. Look again.", { type: "rollout-active" });
  }
}
