const WORDS = 624;
const SHIFT = 397;

/** The words of mt19937 as torch keeps them: 624 of them, how many are left before the next twist, which is next. */
export interface TwisterState {
  readonly words: Uint32Array;
  readonly left: number;
  readonly next: number;
}

/** mt19937, seeded with the low 32 bits of a seed as torch does. */
export class MersenneTwister {
  #words = new Uint32Array(WORDS);
  #left = 1;
  #next = 0;

  constructor(seed: number) {
    this.seed(seed);
  }

  /** Start over from `seed`; the first draw twists. */
  seed(seed: number): void {
    const words = this.#words;
    let previous = seed >>> 0;
    words[0] = previous;
    for (let i = 1; i < WORDS; i += 1) {
      previous = (Math.imul(1812433253, previous ^ (previous >>> 30)) + i) >>> 0;
      words[i] = previous;
    }
    this.#left = 1;
    this.#next = 0;
  }

  /** 32 uniform bits. */
  u32(): number {
    this.#left -= 1;
    if (this.#left === 0) this.#twist();
    let y = this.#words[this.#next] ?? 0;
    this.#next += 1;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  /** A copy of the state. */
  get state(): TwisterState {
    return { words: this.#words.slice(), left: this.#left, next: this.#next };
  }
  set state(state: TwisterState) {
    this.#words = state.words.slice();
    this.#left = state.left;
    this.#next = state.next;
  }

  /* eslint-disable @typescript-eslint/no-non-null-assertion -- indices below the length of a fixed array */
  #twist(): void {
    const words = this.#words;
    for (let i = 0; i < WORDS; i += 1) {
      const here = words[i]!;
      const following = words[(i + 1) % WORDS]!;
      const mixed = (here & 0x80000000) | (following & 0x7fffffff);
      words[i] = words[(i + SHIFT) % WORDS]! ^ (mixed >>> 1) ^ (following & 1 ? 0x9908b0df : 0);
    }
    this.#left = WORDS;
    this.#next = 0;
  }
  /* eslint-enable @typescript-eslint/no-non-null-assertion */
}
