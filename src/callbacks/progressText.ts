import { sparkline } from "../plot/sparkline.js";

/** How far something is, in the words of a progress line. */
export interface Progress {
  /** "Epoch 1/3", "Validating". */
  readonly title: string;
  readonly done: number;
  /** Infinity while unknown. */
  readonly total: number;
  /** Batches in a second; null before there is one to count. */
  readonly rate: number | null;
  /** Seconds to the end of the run; null when nobody knows. */
  readonly eta: number | null;
  /** The most important first. */
  readonly metrics: readonly (readonly [name: string, value: number])[];
  /** Of the first param group. */
  readonly lr?: number | null;
  /** Optimizer steps so far. */
  readonly step?: number;
  /** The loss so far, for a line of bars. */
  readonly history?: (columns: number) => readonly number[];
}

const LONGEST_BAR = 30;
const SHORTEST_BAR = 5;
/** Of this length a bar is worth more than the learning rate beside it. */
const GOOD_BAR = 10;
const SPARKLINE = 16;

/** Widths that parts of a line usually come to need. */
const USUAL_WIDTHS: Readonly<Record<string, number>> = { rate: 4, eta: 5, step: 6, lr: 7 };

/** Widths that parts of a line have had: a part never gets narrower, so what follows it stays where it is. */
export class StickyWidths {
  readonly #widths = new Map<string, number>(Object.entries(USUAL_WIDTHS));

  pad(part: string, text: string, side: "left" | "right" = "right"): string {
    const width = Math.max(this.#widths.get(part) ?? 0, text.length);
    this.#widths.set(part, width);
    return side === "left" ? text.padStart(width) : text.padEnd(width);
  }
}

/** How a line is shown. */
export interface LineStyle {
  readonly columns: number;
  readonly hasColor?: boolean;
  readonly widths?: StickyWidths;
}

/** A piece of a line, and how it is set off where there are colours. */
type Piece = readonly [text: string, style?: "bar" | "dim"];

const STYLES = { bar: ["\x1b[36m", "\x1b[39m"], dim: ["\x1b[2m", "\x1b[22m"] } as const;

/**
 * One line for a terminal: title, bar, batches, speed, time left, metrics, and where there is room the learning rate, the
 * loss as a line of bars and the step. It is never wider and never wraps: what does not fit whole is left out.
 */
export function progressLine(
  progress: Progress,
  { columns, hasColor = false, widths = new StickyWidths() }: LineStyle,
): string {
  const room = columns - 1; // a full last column would wrap
  const { title, done, total, history } = progress;
  const known = Number.isFinite(total) && total > 0;
  const part = known ? Math.min(done / total, 1) : 0;
  const percent = known ? ` ${`${Math.floor(part * 100)}%`.padStart(4)}` : "";
  const wide = factsOf(progress, widths);
  const metrics = progress.metrics.map(([name, value]): Piece[] => [
    [`  ${name} `, "dim"],
    [widths.pad(name, metricText(value))],
  ]);
  const length = (pieces: readonly Piece[]): number => pieces.reduce((sum, [text]) => sum + text.length, 0);

  // In a narrow window the percents go first, and the word before the time left: bar and numbers speak for themselves.
  const needed = title.length + percent.length + length(wide) + length(metrics.flat()) + (known ? GOOD_BAR : 0);
  const isNarrow = needed > room;
  const facts = isNarrow ? factsOf(progress, widths, "  ") : wide;
  const head: Piece[] = [[isNarrow ? title : title + percent]];
  const shown: Piece[] = [];
  let left = room - length(head) - length(facts);
  for (const metric of metrics) {
    if (length(metric) > left) break;
    left -= length(metric);
    shown.push(...metric);
  }
  const spend = (pieces: readonly Piece[]): void => {
    if (left - length(pieces) < (known ? GOOD_BAR + 1 : 0)) return;
    left -= length(pieces);
    shown.push(...pieces);
  };
  if (progress.lr !== undefined && progress.lr !== null)
    spend([["  lr ", "dim"], [widths.pad("lr", metricText(progress.lr))]]);
  if (history !== undefined) {
    const bars = history(SPARKLINE);
    // Its place is kept from the beginning: what comes behind it must not jump.
    spend([["  "], [sparkline(bars).padEnd(SPARKLINE), "bar"]]);
  }
  if (progress.step !== undefined) spend([["  step ", "dim"], [widths.pad("step", String(progress.step))]]);
  const width = Math.min(left - 1, LONGEST_BAR);
  const bar = known && width >= SHORTEST_BAR ? barOf(part, width) : [];
  return painted([...head, ...bar, ...facts, ...shown], room, hasColor);
}

/** The same for a log file: one sentence. */
export function progressSentence(progress: Progress): string {
  const { title, step, lr } = progress;
  const parts = [
    ...(step === undefined ? [] : [`step ${step}`]),
    ...(lr === undefined || lr === null ? [] : [`lr ${metricText(lr)}`]),
  ];
  const facts = factsOf(progress, new StickyWidths())
    .map(([text]) => text)
    .join("")
    .trim();
  const metrics = progress.metrics.map(([name, value]) => `${name} ${metricText(value)}`);
  return [`${title.toLowerCase()}: ${facts}`, ...metrics, ...parts].join("  ");
}

/** Batches, speed and time left. */
function factsOf({ done, total, rate, eta }: Progress, widths: StickyWidths, beforeEta = "  eta "): Piece[] {
  const all = Number.isFinite(total) ? `/${total}` : "";
  const width = Number.isFinite(total) ? String(total).length : 0;
  return [
    [` ${String(done).padStart(width)}${all}`],
    ...(rate === null ? [] : [[`  ${widths.pad("rate", rateText(rate), "left")} it/s`] as Piece]),
    ...(eta === null ? [] : [[beforeEta, "dim"] as Piece, [widths.pad("eta", durationText(eta))] as Piece]),
  ];
}

function barOf(part: number, width: number): Piece[] {
  const full = Math.round(part * width);
  return [[" "], ["━".repeat(full), "bar"], ["─".repeat(width - full), "dim"]];
}

/** The pieces in one line of at most `room` characters. */
function painted(pieces: readonly Piece[], room: number, hasColor: boolean): string {
  let left = room;
  const texts = pieces.map(([text, style]) => {
    const part = Array.from(text).slice(0, Math.max(left, 0)).join("");
    left -= part.length;
    if (!hasColor || style === undefined || part === "") return part;
    return STYLES[style][0] + part + STYLES[style][1];
  });
  return texts.join("").trimEnd();
}

/** Three digits and a steady width: "4.52", "45.2", "452", "4520". */
function rateText(rate: number): string {
  return rate.toFixed(rate >= 100 ? 0 : rate >= 10 ? 1 : 2);
}

/** Seconds as a clock shows them: "0:07", "12:30", "1:02:03". */
export function durationText(seconds: number): string {
  const whole = Math.max(Math.round(seconds), 0);
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A metric in six characters or so, whatever its size: "0.0412", "12.345", "1.23e-5". */
export function metricText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2);
  const whole = size < 1 ? 0 : Math.floor(Math.log10(size));
  return value.toFixed(4 - whole);
}
