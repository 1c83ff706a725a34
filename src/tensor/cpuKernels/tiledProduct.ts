/** Rows and columns of one tile: eight sums that stay in registers. */
const TILE_ROWS = 4;
const TILE_COLUMNS = 2;

/* eslint-disable @typescript-eslint/no-non-null-assertion -- the arithmetic below stays within sizes computed above */
/** Copy a matrix so that it is [rows, inner]; `turned` when it lies the other way round. */
export function pack(from: Float32Array, to: Float64Array, rows: number, inner: number, turned: boolean): void {
  if (!turned) {
    for (let i = 0; i < rows * inner; i += 1) to[i] = from[i]!;
    return;
  }
  for (let row = 0; row < rows; row += 1) {
    for (let k = 0; k < inner; k += 1) to[row * inner + k] = from[k * rows + row]!;
  }
}

/** c[i, j] = Σ a[i, k]·b[j, k], in tiles; both operands have the summed axis last. */
export function multiply(
  a: Float64Array,
  b: Float64Array,
  c: Float32Array | Float64Array,
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
  c: Float32Array | Float64Array,
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
