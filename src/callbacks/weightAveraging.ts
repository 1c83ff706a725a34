import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { dumpStateDict } from "../checkpoint/dumpCheckpoint.js";
import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Stage, TrainerState } from "../core/trainerState.js";
import { Parameter } from "../nn/parameter.js";
import { asNumber } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { StoredTensor, storedTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";
import type { Tensor } from "../tensor/tf.js";
import type { Variable } from "../tensor/variable.js";
import { AveragedWeights, equalAverage } from "./averagedWeights.js";
import { readScore } from "./scoreTensor.js";

/** What is averaged; names and defaults are Lightning's. */
export interface WeightAveragingOptions {
  /** false: buffers, such as the statistics of a batch norm, are those of the newest weights. */
  readonly useBuffers?: boolean;
}

/** After an optimizer step, or at an epoch's end; both count from 0. */
export interface AveragingMoment {
  readonly step?: number;
  readonly epoch?: number;
}

/**
 * Keeps the running average of the weights beside them: Lightning's WeightAveraging. Validation sees the average, and so
 * does whoever loads the file's state_dict; training goes on with its own weights, the file's current_model_state. After
 * training the module has the average.
 */
export class WeightAveraging extends Callback {
  override readonly savedCopies = 1; // current_model_state
  readonly #useBuffers: boolean;
  /** The other way round while they are swapped. */
  #averages = this.#fresh();
  #isSwapped = false;
  #latestStep = 0;
  #latestEpoch = -1;

  constructor(options: WeightAveragingOptions = {}) {
    super();
    this.#useBuffers = options.useBuffers ?? true;
  }

  /** Whether to take the weights of this moment into the average: Lightning's should_update. After every step. */
  shouldUpdate(moment: AveragingMoment): boolean {
    return moment.step !== undefined;
  }
  /** The next average (float32, any shape) of the one so far, the weights, and the number of weights in it (0-dim). */
  protected average(averaged: Tensor, current: Tensor, count: Tensor): Tensor {
    return equalAverage(averaged, current, count);
  }

  override stateDict(): PyDict {
    return PyDict.from({ latest_update_step: this.#latestStep });
  }
  override loadStateDict(state: PyDict): void {
    this.#latestStep = asNumber(state.get("latest_update_step")) ?? 0;
  }

  override setup(_trainer: TrainerState, _module: LightningModule, stage: Stage): void {
    if (stage !== "fit") return;
    this.#averages = this.#fresh();
    this.#isSwapped = false;
  }

  override async onFitStart(trainer: TrainerState, module: LightningModule): Promise<void> {
    if (this.#averages.isEmpty) await this.#averages.begin(trainer.executor, module);
  }

  override async onTrainBatchEnd(trainer: TrainerState): Promise<void> {
    const { globalStep } = trainer;
    if (globalStep <= this.#latestStep || !this.shouldUpdate({ step: globalStep - 1 })) return;
    await this.#averages.takeIn(trainer.executor);
    this.#latestStep = globalStep;
  }

  override async onTrainEpochEnd(trainer: TrainerState): Promise<void> {
    const { currentEpoch } = trainer;
    if (currentEpoch <= this.#latestEpoch || !this.shouldUpdate({ epoch: currentEpoch })) return;
    await this.#averages.takeIn(trainer.executor);
    this.#latestEpoch = currentEpoch;
  }

  /** Outside of a fit the module has the average already: that of the fit, or that of the file it was loaded from. */
  override async onValidationEpochStart(trainer: TrainerState): Promise<void> {
    if (isFitting(trainer)) await this.#swap(trainer);
  }
  override async onValidationEpochEnd(trainer: TrainerState): Promise<void> {
    if (isFitting(trainer)) await this.#swap(trainer);
  }
  /** Lightning overwrites the weights; here they stay, for a checkpoint that is yet to be written. */
  override onTrainEnd(trainer: TrainerState): Promise<void> {
    return this.#swap(trainer);
  }

  /** state_dict becomes the average, current_model_state the weights that training goes on with. */
  override async onSaveCheckpoint(
    trainer: TrainerState,
    module: LightningModule,
    checkpoint: Checkpoint,
  ): Promise<void> {
    const executor = executorOf(trainer);
    const stored = new Map<Variable, StoredTensor>();
    const tensors = new Map<string, StoredTensor>();
    for (const [name, variable] of module.state()) {
      const beside = this.#averages.of(variable) ?? variable;
      const tensor = stored.get(beside) ?? storedTensor(await (executor?.read(beside) ?? beside.read()));
      stored.set(beside, tensor);
      tensors.set(name, tensor);
    }
    const ofModule = checkpoint.stateDict;
    const others = { tensors, versions: ofModule.versions };
    const current = this.#isSwapped ? others : ofModule;
    checkpoint.stateDict = this.#isSwapped ? ofModule : others;
    const averaged: HostTensor = { dtype: "int64", shape: [], bytes: int64Bytes(this.#averages.count) };
    checkpoint.rest = new Map([
      ...checkpoint.rest,
      ["current_model_state", dumpStateDict(current)],
      ["averaging_state", PyDict.from({ n_averaged: storedTensor(averaged) })],
    ]);
  }

  /** The module has the file's state_dict by now: whoever only evaluates it needs no more. */
  override async onLoadCheckpoint(
    trainer: TrainerState,
    module: LightningModule,
    checkpoint: Checkpoint,
  ): Promise<void> {
    if (!isFitting(trainer)) return;
    await this.#averages.begin(trainer.executor, module);
    const current = checkpoint.rest.get("current_model_state");
    const averaging = checkpoint.rest.get("averaging_state");
    if (!(current instanceof PyDict) || !(averaging instanceof PyDict)) {
      trainer.warn(`the checkpoint was written without ${this.constructor.name}: the average begins with its weights`);
      return;
    }
    this.#averages.count = (await readScore(averaging.get("n_averaged"))) ?? 0;
    const entries = new Map<string, HostTensor>();
    for (const [name, tensor] of current) {
      if (typeof name === "string" && tensor instanceof StoredTensor) entries.set(name, await readTensor(tensor));
    }
    module.loadState(entries, (variable, value) => {
      trainer.executor.write(variable, value);
    });
  }

  #fresh(): AveragedWeights {
    return new AveragedWeights({
      average: (averaged, current, count) => this.average(averaged, current, count),
      ruleOf: (variable) => (this.#useBuffers || variable instanceof Parameter ? "average" : "follow"),
    });
  }

  async #swap({ executor }: TrainerState): Promise<void> {
    await this.#averages.swap(executor);
    this.#isSwapped = !this.#isSwapped;
  }
}

function isFitting({ stage }: TrainerState): boolean {
  return stage === "fit" || stage === "sanityCheck";
}

/** After a fit there is none, and values are where the Variables are. */
export function executorOf(trainer: TrainerState): TrainerState["executor"] | null {
  try {
    return trainer.executor;
  } catch {
    return null;
  }
}

function int64Bytes(value: number): Uint8Array {
  return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
}
