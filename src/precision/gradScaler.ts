import { LtrainError } from "../errors.js";
import { asNumber, float } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";

/** What GradScaler takes, by torch's names. */
export interface GradScalerOptions {
  readonly initScale?: number;
  readonly growthFactor?: number;
  readonly backoffFactor?: number;
  readonly growthInterval?: number;
}

/**
 * torch.amp.GradScaler: the factor that lifts gradients out of float16's underflow. A step whose gradients are not all
 * finite halves it and counts for nothing; after `growthInterval` good ones in a row it doubles.
 */
export class GradScaler {
  #scale: number;
  #growthFactor: number;
  #backoffFactor: number;
  #growthInterval: number;
  #growthTracker = 0;

  constructor(options: GradScalerOptions = {}) {
    const { initScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000 } = options;
    this.#scale = Math.fround(initScale);
    this.#growthFactor = growthFactor;
    this.#backoffFactor = backoffFactor;
    this.#growthInterval = growthInterval;
  }

  /** What the loss is multiplied by: a float32 number. */
  get scale(): number {
    return this.#scale;
  }
  /** What gradients are multiplied by afterwards; torch divides in double and rounds once. */
  get inverseScale(): number {
    return Math.fround(1 / this.#scale);
  }
  /** Good steps since the last change. */
  get growthTracker(): number {
    return this.#growthTracker;
  }

  /** After a step: torch's _amp_update_scale_. */
  update(foundInf: boolean): void {
    if (foundInf) {
      this.#scale = Math.fround(this.#scale * this.#backoffFactor);
      this.#growthTracker = 0;
      return;
    }
    this.#growthTracker += 1;
    if (this.#growthTracker !== this.#growthInterval) return;
    const grown = Math.fround(this.#scale * this.#growthFactor);
    if (Number.isFinite(grown)) this.#scale = grown; // torch does not grow past float32 either
    this.#growthTracker = 0;
  }

  /** torch's five fields, with Python's types. */
  stateDict(): PyDict {
    return PyDict.from({
      scale: float(this.#scale),
      growth_factor: float(this.#growthFactor),
      backoff_factor: float(this.#backoffFactor),
      growth_interval: this.#growthInterval,
      _growth_tracker: this.#growthTracker,
    });
  }
  loadStateDict(state: PyDict): void {
    const read = (key: string): number => {
      const value = asNumber(state.get(key));
      if (value !== undefined) return value;
      throw new LtrainError("checkpoint.malformed", `the GradScaler state has no number under "${key}"`, {
        hint: "without its precision state the checkpoint can be resumed from: the scale then begins anew",
      });
    };
    const scale = read("scale");
    const growthFactor = read("growth_factor");
    const backoffFactor = read("backoff_factor");
    const growthInterval = read("growth_interval");
    this.#growthTracker = read("_growth_tracker");
    this.#scale = Math.fround(scale);
    this.#growthFactor = growthFactor;
    this.#backoffFactor = backoffFactor;
    this.#growthInterval = growthInterval;
  }
}
