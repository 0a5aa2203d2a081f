import Link from "next/link";
import { describeUnjudged } from "./words";

/** One line for all that is nobody's, with the way to say whose it is. Nothing where everything is somebody's. */
export function Unjudged(counts: { unmapped: number; ignored: number; rules: number }) {
  const words = describeUnjudged(counts);
  if (words === "") return null;
  return (
    <p className="more">
      <span>{words}</span>
      <Link className="link" href="/settings/mapping">
        Whose they are
      </Link>
    </p>
  );
}
