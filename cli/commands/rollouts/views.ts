import type { WriteStream } from "node:tty";
import type { Away, ProgressView } from "./render-progress";
import { changeKey } from "./progress-line";
import type { End } from "./decide-exit";
import type { View } from "./follow";
import { clip, paint, visibleLength, type Surface } from "./terminal-text";

type Looks<T> = {
  render(view: ProgressView<T>, surface: Surface): string[];
  line(value: T, frame: { at: string; away: Away | null; end: End | null }): object;
};

/**
 * A live view where a terminal can be redrawn and nobody asked for JSON; else one JSON line per change and a last one.
 * @param about what is followed, for lines before the first answer
 */
export function openView<T>(looks: Looks<T>, { json, about }: { json: boolean; about: Record<string, string | number> }): View<T> {
  return !json && canRedraw(process.stdout) ? openLiveView(looks, process.stdout) : openLineView(looks, about);
}

function canRedraw(stream: WriteStream): boolean {
  return stream.isTTY === true && process.env["TERM"] !== "dumb";
}

/** What a terminal can show now. NO_COLOR (no-color.org): set and not empty means no colour. */
export function surfaceOf(stream: WriteStream, { tall = false }: { tall?: boolean } = {}): Surface {
  const colour = stream.isTTY === true && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  return { width: Math.max(20, (stream.columns || 100) - 1), height: tall || !stream.rows ? null : stream.rows - 1, colour };
}

function openLineView<T>({ line }: Looks<T>, about: Record<string, string | number>): View<T> {
  let shown = "";
  return {
    show: (value, away, end) => {
      const at = new Date().toISOString();
      const next = value === null ? { at, ...about, server: away ? "away" : "answers", ...(end ? { final: true, exit: end.exit, sentence: end.sentence } : { final: false }) } : line(value, { at, away, end });
      const key = changeKey(next);
      if (key === shown) return;
      shown = key;
      process.stdout.write(`${JSON.stringify(next)}\n`);
    },
    close: () => undefined,
  };
}

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_BELOW = "\u001b[0J";
const TICK_MS = 1_000;

function openLiveView<T>({ render }: Looks<T>, stream: WriteStream): View<T> {
  let drawn: string[] = [];
  let last: { value: T | null; away: Away | null; at: number } | null = null;
  const draw = (end: End | null): void => {
    if (!last) return;
    const surface = surfaceOf(stream, { tall: end !== null });
    const passed = performance.now() - last.at;
    const away = last.away && { ...last.away, forMs: last.away.forMs + passed };
    const lines = last.value === null ? [clip(away ? `The server does not answer (${away.why}); trying again.` : "…", surface.width)] : render({ value: last.value, away, nowMs: Date.now() }, surface);
    if (end) lines.push(paint(end.sentence, [end.exit === 0 ? "green" : "bold"], surface.colour));
    // A window that became narrower has broken what was drawn into more rows than it had.
    const rows = drawn.reduce((sum, text) => sum + Math.max(1, Math.ceil(visibleLength(text) / Math.max(1, stream.columns || 80))), 0);
    stream.write(`${HIDE_CURSOR}${rows > 0 ? `\u001b[${rows}A` : ""}\r${CLEAR_BELOW}${lines.join("\n")}\n`);
    drawn = lines;
  };
  const redraw = (): void => draw(null);
  stream.on("resize", redraw);
  const ticking = setInterval(redraw, TICK_MS);
  ticking.unref();
  return {
    show: (value, away, end) => {
      last = { value, away, at: performance.now() };
      draw(end);
      if (end) last = null;
    },
    close: () => {
      clearInterval(ticking);
      stream.off("resize", redraw);
      stream.write(SHOW_CURSOR);
    },
  };
}
