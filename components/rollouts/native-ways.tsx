import { Button } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { formatCount } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";
import type { Tone } from "@/components/ui/tone";
import type { NativeWay } from "@/lib/domain/rollout/native-ways";

export interface NativeWaysProps {
  ways: readonly (NativeWay & { targets?: number })[];
  /** Given where an executor of a tool's kind can do it with one click; what it says is on the button. */
  dispatch?: { label: string; onDispatch: (way: NativeWay) => void } | null;
}

/** Who manages the targets here, whether it will undo a rollout, and its own way to the release, before anybody clicks. */
export function NativeWays({ ways, dispatch = null }: NativeWaysProps) {
  if (ways.length === 0) return null;
  return (
    <ul className="native-ways">
      {ways.map((way) => (
        <li key={`${way.tool} ${way.title}`}>
          <h4>
            <StatusShape kind={toneOf(way)} size={12} /> {way.title}
            {way.targets === undefined ? null : (
              <span className="muted">
                {formatCount(way.targets)} {way.targets === 1 ? "target" : "targets"}
              </span>
            )}
            <span className="tone" data-tone={toneOf(way)}>
              {verdictOf(way)}
            </span>
          </h4>
          <p className="muted">{way.why}</p>
          <details>
            <summary>Its own way</summary>
            <ol>
              {way.steps.map((step) => (
                <li key={step.text}>
                  <p>{step.text}</p>
                  {step.command === undefined ? null : <CopyBlock text={step.command} label={`Copy: ${step.text}`} />}
                </li>
              ))}
            </ol>
            {dispatch && way.dispatch ? (
              <Button size="small" onClick={() => dispatch.onDispatch(way)}>
                {dispatch.label}
              </Button>
            ) : null}
          </details>
        </li>
      ))}
    </ul>
  );
}

function toneOf({ willRevert }: NativeWay): Tone {
  if (willRevert === null) return "unknown";
  return willRevert ? "drift" : "neutral";
}

function verdictOf({ willRevert }: NativeWay): string {
  if (willRevert === null) return "may put its own version back";
  return willRevert ? "will put its own version back" : "leaves what runs alone";
}
