import type { Tensor } from "./tf.js";
import { tf } from "./tf.js";

/** Numbers that a step takes from a random generator: drawn on the host, anew for every run of the step. */
export interface RandomDraw {
  /** The distribution and its parameters: two draws of equal name and shape are the same draw. */
  readonly name: string;
  readonly shape: readonly number[];
  /** The float32 values of one run; called once for each run, in the order in which the step asked. */
  draw(): Float32Array;
}

/** Stands for random numbers while a step is being recorded: gives a placeholder, and has the draw made at every run. */
export type RandomObserver = (request: RandomDraw) => Tensor;

let observer: RandomObserver | undefined;

/** Run `f` with every draw of random numbers going through `through`. */
export function observeRandom<Result>(through: RandomObserver, f: () => Result): Result {
  const outer = observer;
  observer = through;
  try {
    return f();
  } finally {
    observer = outer;
  }
}

/**
 * Random numbers inside a step: an input that no caller has to feed. A step that just runs gets numbers drawn now; one
 * that is recorded gets a placeholder, and whoever runs the recording draws for it, in the same order from the same
 * generator: the numbers are the same.
 */
export function randomInput(request: RandomDraw): Tensor {
  if (observer !== undefined) return observer(request);
  return tf.tensor(request.draw(), [...request.shape], "float32");
}

/** A number of the host's inside a step, asked for anew at every run, in the order of the calls. */
export function hostNumber(name: string, read: () => number): Tensor {
  return randomInput({ name, shape: [], draw: () => Float32Array.of(read()) });
}

/** Something the host does at every run of a step, in its place among the numbers that are asked for. */
export function atEveryRun(name: string, action: () => void): void {
  const draw = (): Float32Array => {
    action();
    return new Float32Array(1);
  };
  randomInput({ name, shape: [], draw }).dispose();
}
