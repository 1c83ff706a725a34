/** Steps before the measurement starts: engines compile and caches fill in the first ones. */
const WARM_UP_STEPS = 50;

/** Measures optimizer steps per second, without the first ones. */
export class StepClock {
  readonly #now: () => number;
  #steps = 0;
  #start = 0;
  #last = 0;

  /** `now` counts milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A step is done. */
  tick(): void {
    this.#steps += 1;
    this.#last = this.#now();
    if (this.#steps === WARM_UP_STEPS) this.#start = this.#last;
  }

  /** From the 50th step to the last one; null when there were no more. */
  get stepsPerSecond(): number | null {
    const measured = this.#steps - WARM_UP_STEPS;
    return measured > 0 && this.#last > this.#start ? (measured * 1000) / (this.#last - this.#start) : null;
  }
}
