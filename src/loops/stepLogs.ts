import type { LogOptions, LogSink } from "../core/lightningModule.js";
import type { StepOutputs } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import { PRECISION_OUTPUT } from "../precision/precision.js";
import type { Tensor } from "../tensor/tf.js";
import { tf } from "../tensor/tf.js";
import type { StepResult } from "../core/trainerState.js";
import { ANOMALY_OUTPUT } from "./anomalyWatch.js";
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
  /** The weight of the values that were logged without one of their own. */
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
  /**
   * By name of the output; filled when the step function runs, so a captured step declares once. What is logged with
   * other options is another output: a step that was captured before keeps its own.
   */
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
      outputs[this.#declare(name, options, outputs)] = toScalar(name, value);
    };
  }

  /** A step has run: its outputs are read when they are wanted. */
  async add(outputs: StepOutputs, batchSize: number): Promise<void> {
    const gathers = [...this.#declared.values()].some(({ options }) => options.onEpoch);
    if (!gathers) this.dispose();
    this.#waiting.push({ outputs, batchSize });
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

  async #read({ outputs, batchSize }: WaitingOutputs): Promise<StepResult> {
    const result: Record<string, number> = {};
    for (const output of outputs.names) {
      if (output.startsWith(PRECISION_OUTPUT) || output === ANOMALY_OUTPUT) continue;
      const value = await outputs.scalar(output);
      const declared = this.#declared.get(output);
      if (declared === undefined) {
        result[output] = value;
        continue;
      }
      result[declared.name] ??= value;
      this.#results.log(this.#hook, declared.name, value, declared.options, declared.batchSize ?? batchSize);
    }
    return result;
  }

  /** The output for a value: twice the same name in one step is two values of one metric. */
  #declare(name: string, options: LogOptions, outputs: Readonly<Record<string, Tensor>>): string {
    const declared = { name, options: Results.resolve(options, this.#perBatch), batchSize: options.batchSize };
    let output = `log.${name}`;
    while (output in outputs || !isEqual(this.#declared.get(output) ?? declared, declared)) output += "+";
    this.#declared.set(output, declared);
    return output;
  }
}

function isEqual(a: Declaration, b: Declaration): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
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
