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
  readonly metrics: readonly (readonly [name: string, value: number])[];
}

const LONGEST_BAR = 30;
const SHORTEST_BAR = 5;

/** One line for a terminal of `columns`: title, bar, batches, speed, time left, metrics; never wider, never wrapping. */
export function progressLine(progress: Progress, columns: number): string {
  const { title, done, total } = progress;
  const known = Number.isFinite(total) && total > 0;
  const part = known ? Math.min(done / total, 1) : 0;
  const left = known ? `${title} ${`${Math.floor(part * 100)}%`.padStart(4)} ` : `${title} `;
  const right = ` ${detail(progress)}`;
  const room = Math.min(columns - 1 - left.length - right.length, LONGEST_BAR);
  const bar = known && room >= SHORTEST_BAR ? barOf(part, room) : "";
  return Array.from(left + bar + right)
    .slice(0, columns - 1) // a full last column would wrap
    .join("");
}

/** The same for a log file: one sentence. */
export function progressSentence(progress: Progress): string {
  return `${progress.title.toLowerCase()}: ${detail(progress)}`;
}

function detail({ done, total, rate, eta, metrics }: Progress): string {
  const all = Number.isFinite(total) ? `/${total}` : "";
  const width = Number.isFinite(total) ? String(total).length : 0;
  return [
    String(done).padStart(width) + all,
    ...(rate === null ? [] : [`${rateText(rate)} it/s`]),
    ...(eta === null ? [] : [`eta ${durationText(eta)}`]),
    ...metrics.map(([name, value]) => `${name} ${metricText(value)}`),
  ].join("  ");
}

function barOf(part: number, width: number): string {
  const full = Math.round(part * width);
  return "━".repeat(full) + "─".repeat(width - full);
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
