import { util } from "@tensorflow/tfjs-core";
import { float32Of, madeOf, type CpuKernel } from "./cpuKernel.js";

/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are products of the shape */
/**
 * Sum or mean over leading axes (what the gradient of a bias is) or over all of them (what a loss is), without the
 * transposed copy that tfjs makes first. Sums are kept in double and rounded once.
 */
function reduction(divides: boolean): CpuKernel {
  return ({ inputs: { x }, backend, attrs }) => {
    if (x?.dtype !== "float32") return null;
    const axes = util.parseAxisParam((attrs?.["axis"] ?? null) as number | number[], x.shape).sort((a, b) => a - b);
    if (axes.length === 0 || axes.some((axis, i) => axis !== i)) return null;
    const values = float32Of(backend, x);
    const kept = x.shape.slice(axes.length);
    const width = kept.reduce((product, size) => product * size, 1);
    const height = width === 0 ? 0 : values.length / width;
    const sums = new Float64Array(width);
    for (let row = 0; row < height; row += 1) {
      for (let i = 0; i < width; i += 1) sums[i]! += values[row * width + i]!;
    }
    if (divides) for (let i = 0; i < width; i += 1) sums[i]! /= height;
    const shape = attrs?.["keepDims"] === true ? [...axes.map(() => 1), ...kept] : kept;
    return madeOf(backend, shape, Float32Array.from(sums));
  };
}
/* eslint-enable @typescript-eslint/no-non-null-assertion */

/** Reductions over leading axes. */
export const SUMS: Readonly<Record<string, CpuKernel>> = { Sum: reduction(false), Mean: reduction(true) };
