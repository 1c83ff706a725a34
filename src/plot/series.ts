/** One value of a metric at a step. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** One curve of a chart. */
export interface Series {
  readonly label: string;
  /** In the order of x; y may be NaN or infinite, where the curve has a gap. */
  readonly points: readonly Point[];
  /** The curve before it was smoothed, to be drawn faintly behind it. */
  readonly raw?: readonly Point[];
  /** The place in the palette. */
  readonly color: number;
}

/** Curves that share their axes. */
export interface Chart {
  readonly title: string;
  /** What x counts: "step". */
  readonly xLabel: string;
  readonly log: boolean;
  readonly series: readonly Series[];
}

/** What a legend says of a curve. */
export interface SeriesFacts {
  readonly last: Point | null;
  readonly min: Point | null;
  readonly max: Point | null;
  /** Points that are NaN or infinite. */
  readonly notFinite: number;
}

/** The last finite point of a curve, and its extremes. */
export function factsOf(points: readonly Point[]): SeriesFacts {
  let [last, min, max]: [Point | null, Point | null, Point | null] = [null, null, null];
  let notFinite = 0;
  for (const point of points) {
    if (!Number.isFinite(point.y)) {
      notFinite += 1;
      continue;
    }
    last = point;
    if (min === null || point.y < min.y) min = point;
    if (max === null || point.y > max.y) max = point;
  }
  return { last, min, max, notFinite };
}

/**
 * A curve smoothed as TensorBoard smooths: an exponential moving average of weight `weight`, divided by the weight that
 * has come together so far, so that it does not begin at 0. What is not finite stays as it is.
 */
export function smoothed(points: readonly Point[], weight: number): readonly Point[] {
  if (weight === 0) return points;
  let [average, count] = [0, 0];
  return points.map(({ x, y }) => {
    if (!Number.isFinite(y)) return { x, y };
    average = average * weight + (1 - weight) * y;
    count += 1;
    return { x, y: average / (1 - weight ** count) };
  });
}

/**
 * The same curve with fewer points: of each of `columns` equal stretches of x the first and last point and the extremes,
 * so that no peak is lost.
 */
export function thinned(points: readonly Point[], columns: number): readonly Point[] {
  if (points.length <= 4 * columns) return points;
  const from = points[0]?.x ?? 0;
  const width = ((points.at(-1)?.x ?? from) - from) / columns || 1;
  const kept: Point[] = [];
  let start = 0;
  while (start < points.length) {
    const column = Math.floor(((points[start]?.x ?? 0) - from) / width);
    let end = start + 1;
    while (end < points.length && Math.floor(((points[end]?.x ?? 0) - from) / width) === column) end += 1;
    const stretch = points.slice(start, end);
    const { min, max } = factsOf(stretch);
    const ends = new Set([stretch[0], min, max, stretch.at(-1), stretch.find(({ y }) => !Number.isFinite(y))]);
    kept.push(...stretch.filter((point) => ends.has(point)));
    start = end;
  }
  return kept;
}
