import type { Chart } from "./series.js";

/** One axis: values to a place from 0 to 1, and the values that are written beside it. */
export interface Scale {
  readonly min: number;
  readonly max: number;
  readonly ticks: readonly number[];
  /** NaN of what has no place: NaN, infinities, on a logarithmic axis 0 and below. */
  place(value: number): number;
  text(tick: number): string;
}

/** The axes of a chart with about so many ticks each. */
export function scalesOf(chart: Chart, ticks: { readonly x: number; readonly y: number }): { x: Scale; y: Scale } {
  const xs = chart.series.flatMap(({ points }) => points.map((point) => point.x));
  const ys = chart.series.flatMap(({ points, raw = [] }) => [...points, ...raw].map((point) => point.y));
  const isShown = (y: number): boolean => Number.isFinite(y) && (!chart.log || y > 0);
  return {
    x: linearScale(rangeOf(xs.filter(Number.isFinite)), ticks.x, false),
    y: chart.log
      ? logScale(rangeOf(ys.filter(isShown)), ticks.y)
      : linearScale(rangeOf(ys.filter(isShown)), ticks.y, true),
  };
}

interface Range {
  readonly min: number;
  readonly max: number;
}

function rangeOf(values: readonly number[]): Range {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min > max ? { min: 0, max: 1 } : { min, max };
}

/** A linear axis; `rounds` widens it to whole ticks. */
export function linearScale(range: Range, count: number, rounds: boolean): Scale {
  let { min, max } = range;
  // What differs in the last digits only is one value: the rest is rounding.
  if (max - min <= Math.max(Math.abs(min), Math.abs(max)) * 1e-9) {
    const room = min === 0 ? 1 : Math.abs(min) / 10;
    [min, max] = rounds ? [min - room, max + room] : [min, max + 1];
  }
  const step = niceStep((max - min) / Math.max(count, 1));
  if (rounds) [min, max] = [Math.floor(min / step + 1e-9) * step, Math.ceil(max / step - 1e-9) * step];
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  const ticks = Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => (first + i) * step);
  return { min, max, ticks, place: (value) => (value - min) / (max - min), text: (tick) => tickText(tick, step) };
}

/** A logarithmic axis over whole tenths of a decade; its ticks are powers of ten, or 1, 2, 5 where those are few. */
export function logScale(range: Range, count: number): Scale {
  const low = Math.log10(range.min > 0 ? range.min : 1e-3);
  const high = Math.max(Math.log10(range.max > 0 ? range.max : 1), low);
  const room = Math.max((high - low) * 0.04, 0.02);
  const [from, to] = [low - room, high + room];
  const decades = Array.from({ length: Math.floor(to) - Math.ceil(from) + 1 }, (_, i) => Math.ceil(from) + i);
  const every = Math.max(1, Math.ceil(decades.length / Math.max(count, 1)));
  let ticks = decades.filter((power) => power % every === 0).map((power) => 10 ** power);
  if (ticks.length < 3) {
    const powers = Array.from({ length: Math.floor(to) - Math.floor(from) + 1 }, (_, i) => Math.floor(from) + i);
    const fine = powers.flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
    const inside = fine.filter((tick) => Math.log10(tick) >= from && Math.log10(tick) <= to);
    if (inside.length > ticks.length) ticks = inside;
  }
  return {
    min: 10 ** from,
    max: 10 ** to,
    ticks,
    place: (value) => (value > 0 && Number.isFinite(value) ? (Math.log10(value) - from) / (to - from) : Number.NaN),
    text: (tick) => tickText(tick, tick),
  };
}

/** 1, 2 or 5 times a power of ten, not below `step`. */
function niceStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const digit = [1, 2, 5, 10].find((each) => each * power >= step * (1 - 1e-9)) ?? 10;
  return digit * power;
}

/** A tick with as many digits as its neighbours need: 0.05, 1,500, 2e-5. */
export function tickText(tick: number, step: number): string {
  if (Math.abs(tick) < step * 1e-6) return "0";
  const size = Math.abs(tick);
  if (size >= 1e6 || size < 1e-4)
    return tick.toExponential(Math.max(0, magnitude(size) - magnitude(step))).replace("e+", "e");
  const text = tick.toFixed(Math.max(0, -magnitude(step)));
  return size >= 1e4 ? text.replace(/\B(?=(?:\d{3})+(?!\d))/g, ",") : text;
}

/** 2 of 100 to 999.99, -1 of 0.1 to 0.99. */
function magnitude(value: number): number {
  return Math.floor(Math.log10(Math.abs(value)) + 1e-9);
}

/** A value as a legend or a table shows it, in about five characters: 0.0412, 12.35, 1.2e-5. */
export function valueText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return tickText(value, 1);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6)
    return value
      .toExponential(2)
      .replace("e+", "e")
      .replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(4)));
}
