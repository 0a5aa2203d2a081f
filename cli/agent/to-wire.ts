/** NUL, and half of a character that was cut in two: JSON can say both, and no server takes them. */
const UNSENDABLE = /[\0\p{Surrogate}]/gu;
const MAYBE_UNSENDABLE = /\\u(?:0000|d[89a-f])/;

/** A body as it is sent. What came out of a container may hold anything; a character that cannot be sent becomes U+FFFD. */
export function toWire(body: unknown): Buffer {
  const text = JSON.stringify(body);
  if (!MAYBE_UNSENDABLE.test(text)) return Buffer.from(text);
  return Buffer.from(JSON.stringify(body, (_, value: unknown) => (typeof value === "string" ? value.replaceAll(UNSENDABLE, "\uFFFD") : value)));
}
