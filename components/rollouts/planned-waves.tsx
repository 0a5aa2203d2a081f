import { formatCount, formatShare } from "@/components/ui/format";
import { HangingCell, Table } from "@/components/ui/table";
import { joinGate, placeWaves } from "./prepare-start";
import type { PlannedWave } from "./prepare-start";

/** Waves before they are frozen: each begins where the one before it ends, with the gate that stands between. */
export function PlannedWaves({ waves }: { waves: readonly PlannedWave[] }) {
  return (
    <Table label="Waves, as planned" stack>
      <thead>
        <tr>
          <th scope="col">Wave</th>
          <th scope="col" className="planned-span">
            <span className="visually-hidden">Share of all targets</span>
          </th>
          <th scope="col" className="num">
            Targets
          </th>
          <th scope="col">Gate</th>
        </tr>
      </thead>
      <tbody>
        {placeWaves(waves).map((wave) => (
          <tr key={wave.ordinal}>
            <HangingCell>
              <b>{wave.ordinal}</b> · {wave.name}
            </HangingCell>
            <td className="planned-span" data-phone="hide">
              <span className="planned-bar" style={{ "--from": wave.from, "--share": wave.share }} aria-hidden="true" />
              <span className="visually-hidden">{formatShare(wave.share)} of all targets</span>
            </td>
            <td className="num" data-phone="end" title={wave.sample.join(", ")}>
              {formatCount(wave.targets)}
              {wave.instances === wave.targets ? null : <span className="muted">, {formatCount(wave.instances)} instances</span>}
            </td>
            <td className="wraps" data-phone="wide">
              {joinGate(wave.gate)}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
