import Link from "next/link";
import { CopyBlock } from "@/components/ui/copy-block";
import { formatCount } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";
import type { Tone } from "@/components/ui/tone";
import type { NativeWay } from "@/lib/domain/rollout/native-ways";

export interface NativeWaysProps {
  ways: readonly (NativeWay & { targets?: number })[];
  /** Who carries out what is started here, where something else deploys; null: the agents. */
  executor: { name: string; kind: string } | null;
}

/** Who manages the targets here, whether it will undo a rollout, and its own way to the release, before anybody clicks. */
export function NativeWays({ ways, executor }: NativeWaysProps) {
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
          </details>
          <OneClick dispatch={way.dispatch} executor={executor} />
        </li>
      ))}
    </ul>
  );
}

/** What the button below does of it by itself, or what has to be named so that it does. */
function OneClick({ dispatch, executor }: Pick<NativeWay, "dispatch"> & Pick<NativeWaysProps, "executor">) {
  if (dispatch === null) return null;
  if (executor?.kind === dispatch) {
    return (
      <p>
        <StatusShape kind="match" size={12} /> Or let <b>{executor.name}</b> run it: it is told when you confirm below.
      </p>
    );
  }
  return (
    <p className="muted">
      Named as an{" "}
      <Link className="link" href="/settings/executors">
        executor
      </Link>
      , it is run by the confirmation below instead.
    </p>
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
