/** What was taken from every column of a table, and what it was divided by. */
export interface ColumnScale {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/**
 * Mean and deviation (over n, as scikit-learn has it) of every column of a row-major table, of `rows` alone, so that
 * nothing of the validation rows leaks into training. The deviation of a constant column is 1.
 */
export function columnScale(table: Float64Array, columns: number, rows: Int32Array): ColumnScale {
  const mean = new Float64Array(columns);
  const deviation = new Float64Array(columns);
  for (let column = 0; column < columns; column += 1) {
    const at = (row: number): number => table[row * columns + column] ?? 0;
    let sum = 0;
    for (const row of rows) sum += at(row);
    const middle = sum / rows.length;
    let squares = 0;
    for (const row of rows) squares += (at(row) - middle) ** 2;
    mean[column] = middle;
    deviation[column] = Math.sqrt(squares / rows.length) || 1;
  }
  return { mean, deviation };
}

/** Give every column the mean 0 and the deviation 1 of the rows that `scale` was taken from, in place. */
export function standardize(table: Float64Array, { mean, deviation }: ColumnScale): void {
  const columns = mean.length;
  for (let i = 0; i < table.length; i += 1) {
    const column = i % columns;
    table[i] = ((table[i] ?? 0) - (mean[column] ?? 0)) / (deviation[column] ?? 1);
  }
}
