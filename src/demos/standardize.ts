/**
 * Give every column of a row-major table mean 0 and deviation 1, in place. Mean and deviation (over n, as scikit-learn
 * has it) are those of `rows` alone, so that nothing of the validation rows leaks into training; a constant column is
 * only moved.
 */
export function standardize(table: Float64Array, columns: number, rows: Int32Array): void {
  for (let column = 0; column < columns; column += 1) {
    const at = (row: number): number => table[row * columns + column] ?? 0;
    let sum = 0;
    for (const row of rows) sum += at(row);
    const mean = sum / rows.length;
    let squares = 0;
    for (const row of rows) squares += (at(row) - mean) ** 2;
    const deviation = Math.sqrt(squares / rows.length) || 1;
    for (let i = column; i < table.length; i += columns) table[i] = ((table[i] ?? 0) - mean) / deviation;
  }
}
