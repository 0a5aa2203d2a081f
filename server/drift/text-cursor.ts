import { AppError } from "@/server/errors";

/** Opaque to the caller: a place in an order by several values. */
export function encodeTextCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString("base64url");
}

/** @throws AppError invalid for a cursor that this list did not write */
export function decodeTextCursor(cursor: string | undefined, length: number): string[] | null {
  if (cursor === undefined) return null;
  const parts = parse(Buffer.from(cursor, "base64url").toString("utf8"));
  if (!Array.isArray(parts) || parts.length !== length || !parts.every((part): part is string => typeof part === "string" && !part.includes("\0"))) {
    throw new AppError("invalid", "The cursor is not one of this list.", { fields: [{ path: "cursor", message: "is not one of this list" }] });
  }
  return parts;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
