import { backend_util } from "@tensorflow/tfjs-core";
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

/** Rows put at their places in a copy: tfjs' kernel writes them into the tensor that it was given. */
const tensorScatterUpdate: CpuKernel = ({ inputs: { tensor, indices, updates }, backend }) => {
  if (tensor === undefined || indices === undefined || updates === undefined) return null;
  const { sliceRank, numUpdates, sliceSize, strides, outputSize } = backend_util.calculateShapes(
    updates,
    indices,
    tensor.shape,
  );
  const result = (backend.data.get(tensor.dataId).values as Float32Array).slice();
  const places = backend.data.get(indices.dataId).values as Int32Array;
  const rows = backend.data.get(updates.dataId).values as Float32Array;
  for (let i = 0; i < numUpdates; i += 1) {
    let place = 0;
    for (let axis = 0; axis < sliceRank; axis += 1) place += places[i * sliceRank + axis]! * strides[axis]!;
    if (place < 0 || (place + 1) * sliceSize > outputSize) return null; // tfjs knows what to say
    for (let j = 0; j < sliceSize; j += 1) result[place * sliceSize + j] = rows[i * sliceSize + j]!;
  }
  return backend.makeTensorInfo(tensor.shape, tensor.dtype, result);
};
/* eslint-enable @typescript-eslint/no-non-null-assertion */

/** Sums and updates by index. */
export const SEGMENTS: Readonly<Record<string, CpuKernel>> = {
  UnsortedSegmentSum: unsortedSegmentSum,
  TensorScatterUpdate: tensorScatterUpdate,
};
