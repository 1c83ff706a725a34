import * as tf from "@tensorflow/tfjs-core";
import { float32Of, madeOf, type CpuKernel } from "./cpuKernel.js";

/** Rows and columns of one tile: eight sums that stay in registers. */
const TILE_ROWS = 4;
const TILE_COLUMNS = 2;

/** Where operands lie while they are multiplied; grown as needed and used again, for allocating costs as much. */
const scratch = { left: new Float64Array(0), right: new Float64Array(0) };

/**
 * Matrix product, several times as fast as tfjs' own on the CPU. Both operands are copied with the summed axis last and
 * widened to double (four conversions fewer per product), then multiplied in tiles. Sums are kept in double and rounded
 * once, so the result does not depend on the tiles. Null for what is not a plain float32 product.
 */
export const matMul: CpuKernel = ({ inputs: { a, b }, backend, attrs }) => {
  if (a?.dtype !== "float32" || b?.dtype !== "float32") return null;
  const transposeA = attrs?.["transposeA"] === true;
  const transposeB = attrs?.["transposeB"] === true;
  const [batchesA, rowsA, columnsA] = asStack(a.shape);
  const [batchesB, rowsB, columnsB] = asStack(b.shape);
  const [rows, inner] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [innerB, columns] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB];
  const broadcasts = batchesA !== batchesB && batchesA !== 1 && batchesB !== 1;
  if (inner !== innerB || broadcasts) return null; // tfjs' own kernel knows what to say
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const batches = Math.max(batchesA, batchesB);
  const result = new Float32Array(batches * rows * columns);
  const valuesA = float32Of(backend, a);
  const valuesB = float32Of(backend, b);
  const [left, right] = grow(rows * inner, columns * inner);
  for (let batch = 0; batch < batches; batch += 1) {
    if (batch < batchesA) pack(valuesA.subarray(batch * rows * inner), left, rows, inner, transposeA);
    if (batch < batchesB) pack(valuesB.subarray(batch * columns * inner), right, columns, inner, !transposeB);
    multiply(left, right, result.subarray(batch * rows * columns), rows, columns, inner);
  }
  return madeOf(backend, [...outer, rows, columns], result);
};

function asStack(shape: readonly number[]): [number, number, number] {
  const batches = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  return [batches, shape.at(-2) ?? 1, shape.at(-1) ?? 1];
}

function grow(left: number, right: number): [Float64Array, Float64Array] {
  if (scratch.left.length < left) scratch.left = new Float64Array(left);
  if (scratch.right.length < right) scratch.right = new Float64Array(right);
  return [scratch.left, scratch.right];
}

/* eslint-disable @typescript-eslint/no-non-null-assertion -- the arithmetic below stays within sizes computed above */
/** Copy a matrix so that it is [rows, inner]; `turned` when it lies the other way round. */
function pack(from: Float32Array, to: Float64Array, rows: number, inner: number, turned: boolean): void {
  if (!turned) {
    for (let i = 0; i < rows * inner; i += 1) to[i] = from[i]!;
    return;
  }
  for (let row = 0; row < rows; row += 1) {
    for (let k = 0; k < inner; k += 1) to[row * inner + k] = from[k * rows + row]!;
  }
}

/** c[i, j] = Σ a[i, k]·b[j, k]. */
function multiply(
  a: Float64Array,
  b: Float64Array,
  c: Float32Array,
  rows: number,
  columns: number,
  inner: number,
): void {
  const fullRows = rows - (rows % TILE_ROWS);
  const fullColumns = columns - (columns % TILE_COLUMNS);
  for (let i = 0; i < fullRows; i += TILE_ROWS) {
    for (let j = 0; j < fullColumns; j += TILE_COLUMNS) tile(a, b, c, i, j, columns, inner);
  }
  for (let i = 0; i < rows; i += 1) {
    for (let j = i < fullRows ? fullColumns : 0; j < columns; j += 1) {
      let sum = 0;
      for (let k = 0; k < inner; k += 1) sum += a[i * inner + k]! * b[j * inner + k]!;
      c[i * columns + j] = sum;
    }
  }
}

function tile(
  a: Float64Array,
  b: Float64Array,
  c: Float32Array,
  i: number,
  j: number,
  columns: number,
  inner: number,
): void {
  const a0 = i * inner;
  const a1 = a0 + inner;
  const a2 = a1 + inner;
  const a3 = a2 + inner;
  const b0 = j * inner;
  const b1 = b0 + inner;
  let s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0; // prettier-ignore
  for (let k = 0; k < inner; k += 1) {
    const x = b[b0 + k]!;
    const y = b[b1 + k]!;
    const p = a[a0 + k]!;
    const q = a[a1 + k]!;
    const r = a[a2 + k]!;
    const t = a[a3 + k]!;
    s00 += p * x;
    s01 += p * y;
    s10 += q * x;
    s11 += q * y;
    s20 += r * x;
    s21 += r * y;
    s30 += t * x;
    s31 += t * y;
  }
  const c0 = i * columns + j;
  const c1 = c0 + columns;
  const c2 = c1 + columns;
  const c3 = c2 + columns;
  c[c0] = s00;
  c[c0 + 1] = s01;
  c[c1] = s10;
  c[c1 + 1] = s11;
  c[c2] = s20;
  c[c2 + 1] = s21;
  c[c3] = s30;
  c[c3 + 1] = s31;
}
/* eslint-enable @typescript-eslint/no-non-null-assertion */
