import type { BatchTree, FlatBatch } from "../core/batch.js";
import type { CompiledStep, Executor, StepFunction, StepOutputs } from "../engine/executor.js";
import type { Precision } from "../precision/precision.js";
import type { HostTensor } from "../storage/hostTensor.js";

/** Compiles one step per structure of batch and runs it; shapes are the executor's business. */
export class StepRunner {
  readonly #executor: Executor;
  readonly #precision: Precision;
  readonly #build: (tree: BatchTree) => StepFunction;
  readonly #compiled = new Map<string, CompiledStep>();

  constructor(executor: Executor, precision: Precision, build: (tree: BatchTree) => StepFunction) {
    this.#executor = executor;
    this.#precision = precision;
    this.#build = build;
  }

  /** Run the step on a batch and what else it takes. */
  run(batch: FlatBatch, others: Readonly<Record<string, HostTensor>> = {}): Promise<StepOutputs> {
    const key = JSON.stringify(batch.tree);
    let step = this.#compiled.get(key);
    if (step === undefined) {
      step = this.#executor.compile(this.#build(batch.tree), { autocast: this.#precision.autocast });
      this.#compiled.set(key, step);
    }
    const inputs: Record<string, HostTensor> = { ...others };
    for (const [name, tensor] of Object.entries(batch.inputs)) inputs[name] = this.#precision.convertInput(tensor);
    return step.run(inputs);
  }
}
