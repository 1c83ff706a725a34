import type { TensorInfo } from "@tensorflow/tfjs-core";
import { float32Of, madeOf, type CpuCall, type CpuKernel } from "./cpuKernel.js";

/* eslint-disable @typescript-eslint/no-non-null-assertion -- loops over arrays of one length */
type Each = (a: Float32Array, b: Float32Array, out: Float32Array) => void;
type Scalar = (a: Float32Array, b: number, out: Float32Array) => void;

// One loop per operation: a loop that is handed its operation as a function is ten times slower.
const addEach: Each = (a, b, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = a[i]! + b[i]!;
};
const subEach: Each = (a, b, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = a[i]! - b[i]!;
};
const mulEach: Each = (a, b, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = a[i]! * b[i]!;
};
const divEach: Each = (a, b, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = a[i]! / b[i]!;
};
const addScalar: Scalar = (a, b, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = a[i]! + b;
};
const subScalar: Scalar = (a, b, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = a[i]! - b;
};
const mulScalar: Scalar = (a, b, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = a[i]! * b;
};
const divScalar: Scalar = (a, b, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = a[i]! / b;
};

/** An operation of two operands: alike in shape, a scalar on the right (or left, if they commute), a row on the right. */
function operation(each: Each, scalar: Scalar, commutes: boolean): CpuKernel {
  return ({ inputs: { a, b }, backend }) => {
    if (a?.dtype !== "float32" || b?.dtype !== "float32") return null;
    const left = float32Of(backend, a);
    const right = float32Of(backend, b);
    if (a.shape.join() === b.shape.join()) {
      const out = new Float32Array(left.length);
      each(left, right, out);
      return madeOf(backend, a.shape, out);
    }
    if (right.length === 1 && b.shape.length <= a.shape.length) {
      const out = new Float32Array(left.length);
      scalar(left, right[0]!, out);
      return madeOf(backend, a.shape, out);
    }
    if (commutes && left.length === 1 && a.shape.length <= b.shape.length) {
      const out = new Float32Array(right.length);
      scalar(right, left[0]!, out);
      return madeOf(backend, b.shape, out);
    }
    return isRow(b, a) ? eachRow(each, a, left, right, backend) : null;
  };
}

/** Whether `row` is a vector that is laid along the last axis of `tensor`. */
function isRow(row: TensorInfo, tensor: TensorInfo): boolean {
  return row.shape.length === 1 && tensor.shape.length > 1 && row.shape[0] === tensor.shape.at(-1);
}

function eachRow(
  each: Each,
  { shape }: TensorInfo,
  left: Float32Array,
  row: Float32Array,
  backend: CpuCall["backend"],
): TensorInfo {
  const out = new Float32Array(left.length);
  const width = row.length;
  for (let start = 0; start < out.length; start += width) {
    each(left.subarray(start, start + width), row, out.subarray(start, start + width));
  }
  return madeOf(backend, shape, out);
}

/** An operation of one operand. */
function elementwise(each: (x: Float32Array, out: Float32Array) => void): CpuKernel {
  return ({ inputs: { x }, backend }) => {
    if (x?.dtype !== "float32") return null;
    const values = float32Of(backend, x);
    const out = new Float32Array(values.length);
    each(values, out);
    return madeOf(backend, x.shape, out);
  };
}

/** Beyond this the error function is ±1 in float32. */
const ERF_END = 4;

/** The error function in double: a series of terms of one sign; tfjs' formula is right to seven places only. */
function erf(x: number): number {
  if (Math.abs(x) >= ERF_END) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** Arithmetic of float32 tensors by plain loops; each element is computed in double and rounded once, as in tfjs. */
export const ARITHMETIC: Readonly<Record<string, CpuKernel>> = {
  Add: operation(addEach, addScalar, true),
  Sub: operation(subEach, subScalar, false),
  Multiply: operation(mulEach, mulScalar, true),
  RealDiv: operation(divEach, divScalar, false),
  Erf: elementwise((x, out) => {
    for (let i = 0; i < out.length; i += 1) out[i] = erf(x[i]!);
  }),
  Sqrt: elementwise((x, out) => {
    for (let i = 0; i < out.length; i += 1) out[i] = Math.sqrt(x[i]!);
  }),
  Square: elementwise((x, out) => {
    for (let i = 0; i < out.length; i += 1) out[i] = x[i]! * x[i]!;
  }),
};
/* eslint-enable @typescript-eslint/no-non-null-assertion */
