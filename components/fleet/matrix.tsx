"use client";

import Link from "next/link";
import { Fragment, useId, useRef, useState } from "react";
import type { KeyboardEvent, ReactNode } from "react";
import { Age } from "@/components/ui/age";
import { DigestStripe } from "@/components/ui/digest-stripe";
import { formatCount } from "@/components/ui/format";
import { Kbd, Tag } from "@/components/ui/kbd";
import { ProportionBar } from "@/components/ui/proportion-bar";
import { StatusShape } from "@/components/ui/status-shape";
import { RowMark } from "@/components/ui/table";
import { deviates } from "@/components/ui/tone";
import { chooseStart, describeCell, moveFocus, toneOfRow } from "./prepare-matrix";
import type { GridPosition, MatrixCell, MatrixEnvironment, MatrixNote, MatrixPartition, MatrixRow } from "./prepare-matrix";

export interface MatrixProps {
  environments: readonly MatrixEnvironment[];
  /** Alerting first, then worst first: drawn in the order given. */
  rows: readonly MatrixRow[];
  /** `r` on a cell. */
  onRollBack?: (service: string, environment: string) => void;
  /** Id of the field that `/` goes to. */
  searchId?: string;
}

function Notes({ notes }: { notes: readonly MatrixNote[] }) {
  return notes.map((note) => (
    <span key={note.text} data-tone={note.tone}>
      <StatusShape kind={note.shape} size={12} /> {note.count === undefined ? null : <b>{formatCount(note.count)}</b>} {note.text}
    </span>
  ));
}

/** The last column is the wide one: there stand the bar, the words and the age, where the risk is. */
function CellContent({ cell, wide }: { cell: MatrixCell; wide: boolean }) {
  const off = deviates(cell.tone);
  return (
    <>
      <span className="matrix-version" data-strong={off && wide ? "" : undefined} title={cell.version === null ? undefined : `${cell.version}${cell.mark ? `, ${cell.mark}` : ""}`}>
        {cell.version ?? <span className="muted">not assigned</span>}
      </span>
      <DigestStripe digest={cell.digest} />
      {wide || cell.partitions ? <ProportionBar parts={cell.parts} quiet={!off && !cell.partitions} decorative /> : null}
      <span className="matrix-count">{formatCount(cell.total)}</span>
      {off ? (
        <span className="matrix-notes">
          {wide ? (
            <Notes notes={cell.notes} />
          ) : (
            <Notes notes={cell.notes.slice(0, 1).map((note) => ({ ...note, text: note.count === undefined ? note.text : "" }))} />
          )}
        </span>
      ) : null}
      {cell.pinned ? (
        <span className="matrix-pins" title={`${formatCount(cell.pinned)} pinned`}>
          <StatusShape kind="flag" size={10} /> {formatCount(cell.pinned)}
        </span>
      ) : null}
      {(wide || off) && cell.oldestReportAt ? <Age className="matrix-age" at={cell.oldestReportAt} /> : null}
    </>
  );
}

/** What a cell is divided into: a line each, under its row. */
function Partitions({ environment, partitions }: { environment: string; partitions: readonly MatrixPartition[] }) {
  return (
    <table className="matrix-parts" aria-label={`Partitions in ${environment}`}>
      <tbody>
        {partitions.map((partition) => (
          <tr key={partition.name}>
            <th scope="row">
              <StatusShape kind={partition.tone} size={10} label={partition.rolling ? "rolling out" : deviates(partition.tone) ? "deviates" : "as assigned"} /> {partition.name}
            </th>
            <td>{partition.version ?? <span className="muted">not assigned</span>}</td>
            <td>
              <DigestStripe digest={partition.digest} />
            </td>
            <td className="matrix-parts-bar">
              <ProportionBar parts={partition.parts} quiet={!deviates(partition.tone)} />
            </td>
            <td className="num">{formatCount(partition.total)}</td>
            <td className="matrix-parts-pin">
              {partition.pin === null ? null : (
                <>
                  <StatusShape kind="flag" size={10} /> pinned: {partition.pin}
                </>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function WideMatrix({ environments, rows, onRollBack, searchId }: MatrixProps) {
  const grid = useRef<HTMLTableElement>(null);
  const [chosen, setChosen] = useState<GridPosition | null>(null);
  const [opened, setOpened] = useState<string | null>(null);
  const partsId = useId();
  const start = chosen ?? chooseStart(rows);
  const focus = { row: Math.min(start.row, rows.length - 1), column: Math.min(start.column, environments.length) };

  function goTo(position: GridPosition) {
    setChosen(position);
    grid.current?.querySelector<HTMLElement>(`[data-at="${position.row}:${position.column}"]`)?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "/" && searchId) {
      event.preventDefault();
      document.getElementById(searchId)?.focus();
      return;
    }
    const at = placeOf(event.target) ?? focus;
    if (event.key === "r" && onRollBack && at.column > 0) {
      const row = rows[at.row];
      const environment = environments[at.column - 1];
      if (row && environment && row.cells[at.column - 1]?.canRollBack) {
        event.preventDefault();
        onRollBack(row.service, environment.name);
      }
      return;
    }
    const next = moveFocus(event.key, at, rows.length, environments.length + 1);
    if (!next) return;
    event.preventDefault();
    goTo(next);
  }

  const link = (row: number, column: number) => ({
    "data-at": `${row}:${column}`,
    tabIndex: focus.row === row && focus.column === column ? 0 : -1,
    onFocus: () => setChosen({ row, column }),
    className: "matrix-link",
  });

  return (
    <div className="matrix-scroll matrix-wide">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-to-interactive-role -- a table walked with the arrow keys is a grid */}
      <table ref={grid} role="grid" tabIndex={-1} aria-label="Services by environment" className="matrix" onKeyDown={onKeyDown}>
        <thead>
          <tr>
            <th scope="col">Service</th>
            {environments.map((environment, index) => (
              <th scope="col" key={environment.name}>
                <span className="matrix-head">
                  {environment.name}
                  {environment.protected ? <Tag>protected</Tag> : null}
                  {environment.observing ? <Tag>observing</Tag> : null}
                  {index === environments.length - 1 ? <KeyHints rollBack={Boolean(onRollBack)} search={Boolean(searchId)} /> : null}
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
        {rows.map((row, rowIndex) => {
          const tone = toneOfRow(row);
          const openAt = environments.findIndex(({ name }) => opened === `${row.service}/${name}`);
          const parts = row.cells[openAt]?.partitions;
          return (
            <Fragment key={row.service}>
            <tr data-deviates={deviates(tone) ? "" : undefined}>
              <th scope="row" className="hangs">
                <RowMark tone={tone} />
                <Link href={row.href} {...link(rowIndex, 0)}>
                  {row.service}
                </Link>
              </th>
              {environments.map((environment, index) => {
                const cell = row.cells[index];
                if (!cell) {
                  return (
                    <td key={environment.name}>
                      <span {...link(rowIndex, index + 1)} className="matrix-link matrix-none">
                        <span className="visually-hidden">
                          {row.service} is not in {environment.name}
                        </span>
                      </span>
                    </td>
                  );
                }
                const key = `${row.service}/${environment.name}`;
                return (
                  <td key={environment.name}>
                    <span className="matrix-cell">
                      <Link href={cell.href} aria-label={describeCell(row.service, environment.name, cell)} {...link(rowIndex, index + 1)}>
                        <CellContent cell={cell} wide={index === environments.length - 1} />
                      </Link>
                      {cell.partitions ? (
                        <button
                          type="button"
                          className="matrix-open"
                          aria-expanded={opened === key}
                          aria-controls={opened === key ? partsId : undefined}
                          aria-label={`Partitions of ${row.service} in ${environment.name}`}
                          onClick={() => setOpened(opened === key ? null : key)}
                        >
                          {formatCount(cell.partitions.length)} <StatusShape kind={opened === key ? "down" : "right"} size={10} />
                        </button>
                      ) : null}
                    </span>
                  </td>
                );
              })}
            </tr>
            {parts ? (
              <tr id={partsId} className="matrix-opened">
                <td colSpan={environments.length + 1}>
                  <Partitions environment={environments[openAt]?.name ?? ""} partitions={parts} />
                </td>
              </tr>
            ) : null}
            </Fragment>
          );
        })}
        </tbody>
      </table>
    </div>
  );
}

/** The cell that a key was pressed in: it may have had the focus before this page listened to it. */
function placeOf(target: EventTarget): { row: number; column: number } | null {
  const at = target instanceof Element ? target.closest("[data-at]")?.getAttribute("data-at") : null;
  const [row, column] = at?.split(":").map(Number) ?? [];
  return row === undefined || column === undefined ? null : { row, column };
}

function KeyHints({ rollBack, search }: { rollBack: boolean; search: boolean }) {
  const hint = (key: ReactNode, does: string) => (
    <span>
      <Kbd>{key}</Kbd>
      {does}
    </span>
  );
  return (
    <span className="keys" aria-hidden="true">
      {hint(<StatusShape kind="arrows" size={10} />, "move")}
      {hint("Enter", "open")}
      {rollBack ? hint("r", "roll back") : null}
      {search ? hint("/", "search") : null}
    </span>
  );
}

function PhoneMatrix({ environments, rows }: MatrixProps) {
  const deviating = rows.flatMap((row) =>
    row.cells.flatMap((cell, index) => {
      const environment = environments[index];
      return cell && environment && deviates(cell.tone) ? [{ row, cell, environment }] : [];
    }),
  );
  const all = rows.reduce((sum, row) => sum + row.cells.filter(Boolean).length, 0);
  return (
    <div className="matrix-phone">
      <div className="section-head">
        <h2>
          {formatCount(deviating.length)} of {formatCount(all)} deviate
        </h2>
        <span className="section-head-end">worst first</span>
      </div>
      {deviating.map(({ row, cell, environment }) => (
        <Link key={`${row.service} ${environment.name}`} href={cell.href} className="deviating">
          <RowMark tone={cell.tone} />
          <span className="deviating-head">
            <b>{row.service}</b>
            <span className="muted">{environment.name}</span>
            <span>{cell.version ?? "not assigned"}</span>
            <DigestStripe digest={cell.digest} />
          </span>
          <ProportionBar parts={cell.parts} decorative />
          <span className="deviating-foot">
            <span className="matrix-notes">
              <Notes notes={cell.notes} />
              {cell.pinned ? (
                <span>
                  <StatusShape kind="flag" size={12} /> <b>{formatCount(cell.pinned)}</b> pinned
                </span>
              ) : null}
            </span>
            {cell.oldestReportAt ? <Age className="muted" at={cell.oldestReportAt} /> : <span className="muted">never reported</span>}
          </span>
        </Link>
      ))}
      <div className="section-head section">
        <h2>All {formatCount(all)}</h2>
      </div>
      <table className="all-cells" aria-label="State of every service by environment">
        <thead>
          <tr>
            <th scope="col">Service</th>
            {environments.map((environment) => (
              <th scope="col" key={environment.name}>
                {environment.short ?? environment.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.service}>
              <th scope="row">
                <Link href={row.href}>{row.service}</Link>
              </th>
              {environments.map((environment, index) => {
                const cell = row.cells[index];
                if (!cell) return <td key={environment.name} aria-label={`not in ${environment.name}`} />;
                return (
                  <td key={environment.name}>
                    <Link href={cell.href} aria-label={describeCell(row.service, environment.name, cell)}>
                      <StatusShape kind={cell.tone} size={deviates(cell.tone) ? 16 : 10} />
                    </Link>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/**
 * Service × environment, worst first. A matching cell is a version, a stripe and a line; only deviation has words and
 * colour. Arrows move, Enter opens, `r` rolls back, `/` searches. On a phone the deviating ones come first, in full.
 */
export function Matrix(props: MatrixProps) {
  return (
    <>
      <WideMatrix {...props} />
      <PhoneMatrix {...props} />
    </>
  );
}
