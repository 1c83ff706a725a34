import type { LogOptions, LogSink } from "../core/lightningModule.js";
import type { StepOutputs } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import { PRECISION_OUTPUT } from "../precision/precision.js";
import type { Tensor } from "../tensor/tf.js";
import { tf } from "../tensor/tf.js";
import type { StepResult } from "../core/trainerState.js";
import type { ResolvedLogOptions } from "./results.js";
import { Results } from "./results.js";

/** Steps whose outputs may wait on the device before they are read: small, and enough for a log_every_n_steps. */
const MAX_WAITING = 64;

interface Declaration {
  readonly name: string;
  readonly options: ResolvedLogOptions;
  readonly batchSize: number | undefined;
}

interface WaitingOutputs {
  readonly outputs: StepOutputs;
  /** The weight of each output that was logged with one of its own, and of all others. */
  readonly ownSizes: ReadonlyMap<string, number>;
  readonly batchSize: number;
}

/**
 * What a step function logs: within the step the values are outputs beside the loss, after it they wait on the device
 * until somebody wants them. Values that are gathered over an epoch are all read, in order; of the others only the
 * last is.
 */
export class StepLogs {
  readonly #hook: string;
  readonly #perBatch: boolean;
  readonly #results: Results;
  /** By name of the output; filled when the step function runs, so a captured step declares once. */
  readonly #declared = new Map<string, Declaration>();
  #waiting: WaitingOutputs[] = [];
  #last: StepResult = {};

  /** `hook` is the step's name, as in Lightning; `perBatch`: its values are on_step unless they say otherwise. */
  constructor(hook: string, perBatch: boolean, results: Results) {
    this.#hook = hook;
    this.#perBatch = perBatch;
    this.#results = results;
  }

  /** Takes what is logged within one run of the step function and puts it into `outputs`. */
  sink(outputs: Record<string, Tensor>): LogSink {
    return (name, value, options) => {
      const output = nameOfOutput(name, outputs);
      this.#declared.set(output, this.#declare(name, options));
      outputs[output] = toScalar(name, value);
    };
  }

  /** A step has run: its outputs are read when they are wanted. */
  async add(outputs: StepOutputs, batchSize: number): Promise<void> {
    const gathers = [...this.#declared.values()].some(({ options }) => options.onEpoch);
    if (!gathers) this.dispose();
    this.#waiting.push({ outputs, batchSize, ownSizes: this.#ownSizes() });
    if (this.#waiting.length >= MAX_WAITING) await this.settle();
  }

  /** Whether a step has run that was not read. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }
  /** The values of the last step that was read: its loss and what it logged, by name. */
  get last(): StepResult {
    return this.#last;
  }
  /** Whether a metric is logged with on_step. */
  get hasStepMetrics(): boolean {
    return [...this.#declared.values()].some(({ options }) => options.onStep);
  }

  /** Read what waits, in order. */
  async settle(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      for (const each of waiting) this.#last = await this.#read(each);
    } finally {
      for (const { outputs } of waiting) outputs.dispose();
    }
  }

  /** Give back what waits, unread. */
  dispose(): void {
    for (const { outputs } of this.#waiting) outputs.dispose();
    this.#waiting = [];
  }

  async #read({ outputs, batchSize, ownSizes }: WaitingOutputs): Promise<StepResult> {
    const result: Record<string, number> = {};
    for (const output of outputs.names) {
      if (output.startsWith(PRECISION_OUTPUT)) continue;
      const value = await outputs.scalar(output);
      const declared = this.#declared.get(output);
      if (declared === undefined) {
        result[output] = value;
        continue;
      }
      result[declared.name] ??= value;
      this.#results.log(this.#hook, declared.name, value, declared.options, ownSizes.get(output) ?? batchSize);
    }
    return result;
  }

  #ownSizes(): ReadonlyMap<string, number> {
    const own = new Map<string, number>();
    for (const [output, { batchSize }] of this.#declared) if (batchSize !== undefined) own.set(output, batchSize);
    return own;
  }

  #declare(name: string, options: LogOptions): Declaration {
    return { name, options: Results.resolve(options, this.#perBatch), batchSize: options.batchSize };
  }
}

/** Twice the same name in one step is two values of one metric. */
function nameOfOutput(name: string, outputs: Readonly<Record<string, Tensor>>): string {
  let output = `log.${name}`;
  while (output in outputs) output += "+";
  return output;
}

function toScalar(name: string, value: Tensor | number): Tensor {
  if (typeof value === "number") return tf.scalar(value);
  if (value.size !== 1) {
    throw new LtrainError("user.failed", `log("${name}") got a tensor of shape [${value.shape.join(", ")}]`, {
      hint: "log a 0-dim tensor: take its mean or its sum",
    });
  }
  const scalar = value.rank === 0 ? value : tf.reshape(value, []);
  // A clone, for the value may be a variable's own tensor, which is not ours to give back.
  return scalar.dtype === "float32" ? tf.clone(scalar) : tf.cast(scalar, "float32");
}
