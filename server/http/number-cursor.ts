import { AppError } from "@/server/errors";

/** Opaque to the caller: a place in an order by one growing number. */
export function encodeCursor(place: bigint | undefined): string | null {
  return place === undefined ? null : Buffer.from(place.toString()).toString("base64url");
}

/** @throws AppError invalid for a cursor that this server did not write */
export function decodeCursor(cursor: string | undefined): bigint | null {
  if (cursor === undefined) return null;
  const text = Buffer.from(cursor, "base64url").toString("utf8");
  if (!/^\d{1,18}$/.test(text)) throw new AppError("invalid", "The cursor is not one of this list.", { fields: [{ path: "cursor", message: "is not one of this list" }] });
  return BigInt(text);
}
