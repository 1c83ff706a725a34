/** Steps before the measurement starts: engines compile and caches fill in the first ones. */
const WARM_UP_STEPS = 50;

/** Where the time of training went, as parts of one: fetching batches, running steps; the rest is ltrain's own. */
export interface TimeShares {
  readonly data: number;
  readonly step: number;
}

/** Measures optimizer steps per second and what the time goes into, without the first ones. */
export class StepClock {
  readonly #now: () => number;
  #steps = 0;
  #start = 0;
  #last = 0;
  readonly #spent = { data: 0, step: 0 };

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

  /** Do something whose time counts as fetching or as stepping. */
  async measure<Result>(share: keyof TimeShares, task: () => Promise<Result>): Promise<Result> {
    if (this.#start === 0) return task();
    const started = this.#now();
    try {
      return await task();
    } finally {
      this.#spent[share] += this.#now() - started;
    }
  }

  /** The parts of the time that `stepsPerSecond` counts; null when it is. */
  get shares(): TimeShares | null {
    const total = this.#last - this.#start;
    if (this.stepsPerSecond === null) return null;
    return { data: this.#spent.data / total, step: this.#spent.step / total };
  }

  /** From the 50th step to the last one; null when there were no more. */
  get stepsPerSecond(): number | null {
    const measured = this.#steps - WARM_UP_STEPS;
    return measured > 0 && this.#last > this.#start ? (measured * 1000) / (this.#last - this.#start) : null;
  }
}
