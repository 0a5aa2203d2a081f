import { CopyButton } from "./copy-button";
import { deriveStripe, shortDigest } from "./derive-stripe";

export interface DigestStripeProps {
  /** `sha256:<hex>`; nothing is drawn for null. */
  digest: string | null;
  /** Bars only. */
  bare?: boolean;
  /** A button that copies the whole digest; not inside links and grid cells. */
  copyable?: boolean;
}

function Bars({ digest }: { digest: string }) {
  return (
    <svg width={19} height={14} viewBox="0 0 19 14" fill="currentColor" shapeRendering="crispEdges" aria-hidden="true">
      {deriveStripe(digest).map((bar, index) => (
        <rect key={index} x={index * 4} y={14 - bar.height} width={3} height={bar.height} opacity={bar.lightness} />
      ))}
    </svg>
  );
}

/** Five bars and seven characters of a digest, in ink: equal stripes are equal bytes. */
export function DigestStripe({ digest, bare, copyable }: DigestStripeProps) {
  if (!digest) return null;
  const short = shortDigest(digest);
  if (copyable) {
    return (
      <CopyButton className="digest" text={digest} label={`Copy digest ${short}`} title={digest}>
        <Bars digest={digest} />
        <span>{short}</span>
      </CopyButton>
    );
  }
  return (
    <span className="digest" title={digest}>
      <Bars digest={digest} />
      <span className={bare ? "visually-hidden" : undefined}>{short}</span>
    </span>
  );
}
