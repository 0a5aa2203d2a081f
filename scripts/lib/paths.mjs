import { fileURLToPath } from "node:url";
import path from "node:path";

/** The checkout's root, absolute. */
export const root = path.resolve(fileURLToPath(import.meta.url), "../../..");

/** A path inside the checkout. */
export const inRoot = (...parts) => path.join(root, ...parts);
