/** Values counted in buckets, as TensorBoard's HistogramProto has it. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly sum: number;
  readonly sumSquares: number;
  /** The right edge of each bucket; the first bucket is empty, so that the second has a left edge. */
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

/** TensorFlow's edges: 0, and from 1e-12 to 1e20 on either side each a tenth further out. */
const EDGES: readonly number[] = (() => {
  const positive: number[] = [];
  for (let edge = 1e-12; edge < 1e20; edge *= 1.1) positive.push(edge);
  return [...positive.map((edge) => -edge).reverse(), 0, ...positive];
})();

/**
 * Count values in TensorFlow's buckets, as torch's SummaryWriter.add_histogram does; null where there is no finite
 * value. What is not finite is left out: a histogram has no place for it.
 */
export function histogramOf(values: Iterable<number>): Histogram | null {
  const counts = new Map<number, number>();
  let [min, max, count, sum, sumSquares] = [Infinity, -Infinity, 0, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    count += 1;
    sum += value;
    sumSquares += value * value;
    const bucket = bucketOf(value);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  if (count === 0) return null;
  const first = Math.min(...counts.keys());
  const last = Math.max(...counts.keys());
  const limits = [EDGES[first] ?? 0];
  const filled = [0];
  for (let bucket = first; bucket <= last; bucket += 1) {
    limits.push(EDGES[bucket + 1] ?? 0);
    filled.push(counts.get(bucket) ?? 0);
  }
  return { min, max, count, sum, sumSquares, limits, counts: filled };
}

/** The bucket [EDGES[i], EDGES[i + 1]) that a value falls into; what lies beyond all edges is in the outermost one. */
function bucketOf(value: number): number {
  let [low, high] = [0, EDGES.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (value >= (EDGES[middle] ?? 0)) low = middle;
    else high = middle;
  }
  return low;
}
