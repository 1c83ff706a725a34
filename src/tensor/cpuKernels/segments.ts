import type { CpuKernel } from "./cpuKernel.js";
import { float32Of, madeOf } from "./cpuKernel.js";

/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are products of the shape */
/** Rows added up by the number of their segment, in one pass; tfjs makes one over everything for every segment. */
const unsortedSegmentSum: CpuKernel = ({ inputs: { x, segmentIds }, backend, attrs }) => {
  if (x?.dtype !== "float32" || segmentIds?.dtype !== "int32" || segmentIds.shape.length !== 1) return null;
  const segments = Number(attrs?.["numSegments"]);
  const values = float32Of(backend, x);
  const ids = backend.data.get(segmentIds.dataId).values as Int32Array;
  const width = x.shape.slice(1).reduce((product, size) => product * size, 1);
  const sums = new Float64Array(segments * width);
  ids.forEach((id, row) => {
    if (id < 0 || id >= segments) return; // belongs to none, as in TensorFlow
    for (let i = 0; i < width; i += 1) sums[id * width + i]! += values[row * width + i]!;
  });
  return madeOf(backend, [segments, ...x.shape.slice(1)], Float32Array.from(sums));
};
/* eslint-enable @typescript-eslint/no-non-null-assertion */

/** Sums by index. */
export const SEGMENTS: Readonly<Record<string, CpuKernel>> = { UnsortedSegmentSum: unsortedSegmentSum };
