const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** Values as a line of bars, one character each; what is not finite is a gap. */
export function sparkline(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  const min = Math.min(...finite);
  const range = Math.max(...finite) - min;
  return values
    .map((value) => {
      if (!Number.isFinite(value)) return " ";
      const level = range === 0 ? 0 : Math.round(((value - min) / range) * (BARS.length - 1));
      return BARS[level] ?? " ";
    })
    .join("");
}

/** A history of bounded length: when it is full, each two neighbours become their mean. */
export class History {
  readonly #capacity: number;
  #means: number[] = [];
  /** Values that one mean stands for. */
  #each = 1;
  #sum = 0;
  #count = 0;

  /** Keeps between `capacity` / 2 and `capacity` means. */
  constructor(capacity = 128) {
    this.#capacity = capacity;
  }

  add(value: number): void {
    this.#sum += value;
    this.#count += 1;
    if (this.#count < this.#each) return;
    this.#means.push(this.#sum / this.#count);
    [this.#sum, this.#count] = [0, 0];
    if (this.#means.length < this.#capacity) return;
    const halved: number[] = [];
    for (let i = 0; i < this.#means.length; i += 2) {
      halved.push(((this.#means[i] ?? 0) + (this.#means[i + 1] ?? 0)) / 2);
    }
    this.#means = halved;
    this.#each *= 2;
  }

  /** The whole history in at most `columns` values, the oldest first. */
  shape(columns: number): number[] {
    const { length } = this.#means;
    const width = Math.min(columns, length);
    return Array.from({ length: width }, (_, i) => {
      const [from, to] = [Math.floor((i * length) / width), Math.floor(((i + 1) * length) / width)];
      const part = this.#means.slice(from, to);
      return part.reduce((sum, value) => sum + value, 0) / part.length;
    });
  }
}
