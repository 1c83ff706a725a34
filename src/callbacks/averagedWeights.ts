import type { CompiledStep, Executor } from "../engine/executor.js";
import type { Module } from "../nn/module.js";
import { scalarTensor } from "../storage/hostTensor.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { Variable } from "../tensor/variable.js";

/** The next average (float32, any shape) of the one so far, the weights, and the number of weights in it (0-dim). */
export type AverageFunction = (averaged: Tensor, current: Tensor, count: Tensor) => Tensor;

/** torch's mean: every state of the weights counts alike. */
export function equalAverage(averaged: Tensor, current: Tensor, count: Tensor): Tensor {
  return tf.add(averaged, tf.div(tf.sub(current, averaged), tf.add(count, 1)));
}

/** How averages come about. */
export interface AveragedWeightsOptions {
  readonly average: AverageFunction;
  /** Whether a Variable is averaged, or what becomes of it instead: what it is now, or what it was first. */
  readonly ruleOf: (variable: Variable) => "average" | "follow" | "keep";
}

/** A module's Variables, each with one that holds its average; an executor brings them up to date. */
export class AveragedWeights {
  /** How many states of the weights are in the average. */
  count = 0;
  readonly #options: AveragedWeightsOptions;
  readonly #pairs = new Map<Variable, Variable>();
  #update: CompiledStep | null = null;

  constructor(options: AveragedWeightsOptions) {
    this.#options = options;
  }

  /** Whether there is nothing to average yet. */
  get isEmpty(): boolean {
    return this.#pairs.size === 0;
  }
  /** The Variable that holds the average of another one. */
  of(variable: Variable): Variable | undefined {
    return this.#pairs.get(variable);
  }

  /** Take over a module's values of this moment. */
  async begin(executor: Executor, module: Module): Promise<void> {
    for (const variable of new Set(module.state().values())) {
      this.#pairs.set(variable, new Variable(await executor.read(variable)));
    }
  }

  /** Take the weights of this moment into the average. */
  async takeIn(executor: Executor): Promise<void> {
    const isFirst = this.count === 0;
    for (const [current, average] of this.#pairs) {
      const rule = this.#options.ruleOf(current);
      if (rule === "follow" || (isFirst && rule === "average")) executor.write(average, await executor.read(current));
    }
    if (!isFirst) {
      this.#update ??= executor.compile(this.#step());
      const outputs = await this.#update.run({ count: scalarTensor(this.count) });
      outputs.dispose();
    }
    this.count += 1;
  }

  /** Put averages and values in each other's place. */
  async swap(executor: Executor): Promise<void> {
    for (const [current, average] of this.#pairs) {
      const [weights, averaged] = [await executor.read(current), await executor.read(average)];
      executor.write(current, averaged);
      executor.write(average, weights);
    }
  }

  /** Give the module the averages of what is averaged. */
  async transfer(executor: Executor): Promise<void> {
    for (const [current, average] of this.#pairs) {
      if (this.#options.ruleOf(current) === "average") executor.write(current, await executor.read(average));
    }
  }

  #step(): (inputs: Readonly<Record<string, Tensor>>) => Record<string, Tensor> {
    const { average: averageOf, ruleOf } = this.#options;
    const averageWeights = (inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> => {
      const { count } = inputs;
      if (count === undefined) throw new Error("the step was not given how many weights are in the average");
      for (const [current, average] of this.#pairs) {
        if (ruleOf(current) !== "average") continue;
        const { value } = average;
        // As torch: integers are averaged as floats and cut.
        const isInt = value.dtype !== "float32";
        const [a, b] = isInt ? [tf.cast(value, "float32"), tf.cast(current.value, "float32")] : [value, current.value];
        const next = averageOf(a, b, count);
        average.assign(isInt ? tf.cast(next, value.dtype) : next);
      }
      return { count: tf.add(count, 1) };
    };
    return averageWeights;
  }
}
