import { DigestStripe } from "./digest-stripe";

/** A release or bare bytes: a version where one is known, the digest always. */
export interface ReleaseLineProps {
  version: string | null;
  digest: string | null;
  /** Words where there is no version: "not registered", "nothing assigned". */
  otherwise?: string;
  /** Said beside the version: what a reader must not take for granted. */
  mark?: string | undefined;
  copyable?: boolean;
}

/** A version with its digest stripe. */
export function ReleaseLine({ version, digest, otherwise = "unknown release", mark, copyable }: ReleaseLineProps) {
  return (
    <span className="release-line">
      {version ? <b>{version}</b> : <span className="muted">{otherwise}</span>}
      <DigestStripe digest={digest} copyable={copyable} />
      {mark ? <span className="muted">{mark}</span> : null}
    </span>
  );
}
