/** The checkpoints kept for their score, and which of them is best and which goes next. */
export class TopScores {
  readonly mode: "min" | "max";
  /** How many are kept; -1 keeps all. */
  readonly limit: number;
  /** Path to score, in the order they were saved. */
  readonly scores = new Map<string, number>();

  /** The k-th best, once k are kept: what the next one must beat. */
  kthPath = "";
  kthValue: number;

  constructor(mode: "min" | "max", limit: number) {
    this.mode = mode;
    this.limit = limit;
    this.kthValue = this.worstPossible;
  }

  /** Go on with what was kept before. */
  restore(kept: ReadonlyMap<string, number>, kthPath = "", kthValue = this.worstPossible): void {
    this.kthPath = kthPath;
    this.kthValue = kthValue;
    this.scores.clear();
    for (const [path, score] of kept) this.scores.set(path, score);
  }

  /** Forget the worst where there is no room for one more; gives its path, "" where there is. */
  makeRoom(): string {
    const leaving = this.limit > 0 && this.isFull ? (this.worst?.path ?? "") : "";
    this.scores.delete(leaving);
    return leaving;
  }

  /** Keep one more. */
  add(path: string, score: number): void {
    this.scores.set(path, score);
    if (!this.isFull) return;
    this.kthPath = this.worst?.path ?? "";
    this.kthValue = this.worst?.score ?? this.kthValue;
  }

  /** What no real score is worse than: Lightning's first kth_value, and what a NaN counts as. */
  get worstPossible(): number {
    return this.mode === "min" ? Infinity : -Infinity;
  }

  /** Whether a checkpoint with this score would be kept; a tie with the worst is not, nor is a NaN once all are there. */
  wants(score: number): boolean {
    if (this.limit === -1 || this.scores.size < this.limit) return true;
    const worst = this.worst;
    return worst !== null && this.#isBetter(score, worst.score);
  }

  /** Path and score of the best; of equals, the one saved first. */
  get best(): { readonly path: string; readonly score: number } | null {
    return this.#first((score, than) => this.#isBetter(score, than));
  }

  /** Paths from the worst to the best; of equals, the one saved first comes first. */
  get worstFirst(): string[] {
    const sign = this.mode === "min" ? 1 : -1;
    return [...this.scores].sort(([, a], [, b]) => sign * (b === a ? 0 : b - a)).map(([path]) => path);
  }

  /** Path and score of the worst; of equals, the one saved first. */
  get worst(): { readonly path: string; readonly score: number } | null {
    return this.#first((score, than) => this.#isBetter(than, score));
  }

  /** Whether as many are kept as may be; only then is there a k-th best. */
  get isFull(): boolean {
    return this.limit === -1 || (this.limit > 0 && this.scores.size >= this.limit);
  }

  #isBetter(score: number, than: number): boolean {
    return this.mode === "min" ? score < than : score > than;
  }

  #first(beats: (score: number, than: number) => boolean): { readonly path: string; readonly score: number } | null {
    let found: { path: string; score: number } | null = null;
    for (const [path, score] of this.scores) if (found === null || beats(score, found.score)) found = { path, score };
    return found;
  }
}
