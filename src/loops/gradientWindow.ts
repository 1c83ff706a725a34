import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { zerosTensor } from "../storage/hostTensor.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { Variable } from "../tensor/variable.js";

/** Gradients of the parameters that have one. */
export type Gradients = ReadonlyMap<Parameter, Tensor>;

/**
 * Gradients gathered over several batches, torch's `.grad` between two steps of the optimizer. Which parameters have
 * one is known on the host; the values are Variables of the step.
 */
export class GradientWindow {
  #size: number;
  readonly #optimizers: readonly Optimizer[];
  readonly #sums = new Map<Parameter, Variable>();
  #filled: ReadonlySet<Parameter> = new Set();
  /** Those of them that an optimizer has used: no checkpoint needs them. */
  #spent: ReadonlySet<Parameter> = new Set();

  constructor(size: number, optimizers: readonly Optimizer[]) {
    this.#size = size;
    this.#optimizers = optimizers;
  }

  /** Batches of a full window: accumulate_grad_batches. */
  get size(): number {
    return this.#size;
  }
  /** Have windows of another size from the next epoch on; no window is ever open between two epochs. */
  resize(size: number): void {
    this.#size = size;
  }

  /** Parameters with a gradient of earlier batches, by their number in the optimizer: a step sees this. */
  get key(): string {
    if (this.#filled.size === 0) return "";
    const numbers = this.#numbers;
    return [...this.#filled].map((parameter) => numbers.get(parameter)).join();
  }

  /** Within a step: the gradients of this batch on top of those before. */
  add(gradients: Gradients): Gradients {
    const sums = new Map(gradients);
    for (const parameter of this.#filled) {
      const before = this.#sumOf(parameter).value;
      const now = gradients.get(parameter);
      sums.set(parameter, now === undefined ? before : tf.add(before, now));
    }
    return sums;
  }

  /** Parameters with a gradient of earlier batches. */
  get filled(): ReadonlySet<Parameter> {
    return this.#filled;
  }
  /** Those of them that an optimizer has used. */
  get spent(): ReadonlySet<Parameter> {
    return this.#spent;
  }
  /** Within a step: the gradient that an earlier batch left for a parameter. */
  left(parameter: Parameter): Tensor {
    return this.#sumOf(parameter).value;
  }

  /** Within a step that is not the optimizer's: keep them for the next batch. */
  keep(sums: Gradients): void {
    for (const [parameter, sum] of sums) this.#sumOf(parameter).assign(sum);
  }

  /** After a step: which parameters have a gradient now, and which of them have been used. */
  settle(filled: ReadonlySet<Parameter>, spent: ReadonlySet<Parameter> = new Set()): void {
    this.#filled = filled;
    this.#spent = spent;
  }

  /** What has been gathered so far, by the parameter's number in the optimizer. */
  async state(read: (variable: Variable) => Promise<HostTensor>): Promise<Map<number, HostTensor>> {
    const state = new Map<number, HostTensor>();
    for (const parameter of this.#filled) {
      if (this.#spent.has(parameter)) continue;
      state.set(this.#numbers.get(parameter) ?? -1, await read(this.#sumOf(parameter)));
    }
    return state;
  }

  /** Parameters in the optimizers' order; a callback may add some between two windows. */
  get #numbers(): ReadonlyMap<Parameter, number> {
    const all = new Set(this.#optimizers.flatMap(({ paramGroups }) => paramGroups).flatMap(({ params }) => params));
    return new Map([...all].map((parameter, number) => [parameter, number]));
  }

  /** Take over what `state` gave. */
  restore(state: ReadonlyMap<number, HostTensor>, write: (variable: Variable, value: HostTensor) => void): void {
    const filled = new Set<Parameter>();
    for (const [parameter, number] of this.#numbers) {
      const value = state.get(number);
      if (value === undefined) continue;
      if (value.shape.join() !== parameter.shape.join() || value.dtype !== parameter.dtype) {
        throw new LtrainError(
          "checkpoint.mismatch",
          `the gradient gathered for parameter ${number} is ${value.dtype} [${value.shape.join(", ")}] in the ` +
            `checkpoint, the parameter is ${parameter.dtype} [${parameter.shape.join(", ")}]`,
        );
      }
      write(this.#sumOf(parameter), value);
      filled.add(parameter);
    }
    this.#filled = filled;
  }

  #sumOf(parameter: Parameter): Variable {
    const known = this.#sums.get(parameter);
    if (known !== undefined) return known;
    const fresh = new Variable(zerosTensor(parameter.dtype, parameter.shape));
    this.#sums.set(parameter, fresh);
    return fresh;
  }
}
