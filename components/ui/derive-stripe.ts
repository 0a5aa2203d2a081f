/** One of five bars: `height` in the stripe's 14 px box, `lightness` as opacity of the ink. Never a hue: hue is status. */
export interface StripeBar {
  height: number;
  lightness: number;
}

const HEIGHTS = [5, 8, 11, 14] as const;
const LIGHTNESS = [0.3, 0.6, 1] as const;

/** The hexadecimal part of `sha256:…`, or of a bare hash. */
export function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1).toLowerCase();
}

/** The first seven characters, what people say aloud. */
export function shortDigest(digest: string): string {
  return hexOf(digest).slice(0, 7);
}

/** Five bars from the first fifteen characters of a hash: equal digests look equal, different ones nearly never do. */
export function deriveStripe(digest: string): StripeBar[] {
  const hex = hexOf(digest);
  return Array.from({ length: 5 }, (_, index) => {
    const bits = Number.parseInt(hex.slice(index * 3, index * 3 + 3), 16) || 0;
    return { height: HEIGHTS[bits & 3] ?? 5, lightness: LIGHTNESS[(bits >> 3) % 3] ?? 1 };
  });
}
