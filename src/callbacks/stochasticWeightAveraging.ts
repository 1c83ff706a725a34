import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { dumpStateDict } from "../checkpoint/dumpCheckpoint.js";
import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { FitLoopState, Stage, TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { Parameter } from "../nn/parameter.js";
import type { Optimizer } from "../optim/optimizer.js";
import { SWALR } from "../optim/swaLR.js";
import { asNumber } from "../pickle/convert.js";
import { PyDict, PyFloat } from "../pickle/values.js";
import { StoredTensor, storedTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";
import type { Variable } from "../tensor/variable.js";
import type { AverageFunction } from "./averagedWeights.js";
import { AveragedWeights, equalAverage } from "./averagedWeights.js";
import { NormUpdate } from "./normUpdate.js";
import { executorOf } from "./weightAveraging.js";

/** When weights are averaged, and the learning rate from then on; names and defaults are Lightning's. */
export interface StochasticWeightAveragingOptions {
  /** The learning rate to end at; a list has one for each param group. */
  readonly swaLrs: number | readonly number[];
  /** A number below 1 is a part of max_epochs, and 0 is the start; from 1 on it is an epoch, counted from 1. */
  readonly swaEpochStart?: number;
  /** Epochs until swaLrs is reached. */
  readonly annealingEpochs?: number;
  readonly annealingStrategy?: "cos" | "linear";
  /** The next average of the one so far, the weights, and how many are in it; all count alike without it. */
  readonly avgFn?: AverageFunction | null;
}

/**
 * Averages the weights with which each of the last epochs begins, under a learning rate of its own; after training the
 * module has the average: Lightning's StochasticWeightAveraging. A module with batch norms is run over the training data
 * once more, forward only, for the statistics of the averaged weights.
 */
export class StochasticWeightAveraging extends Callback {
  override readonly savedCopies = 1; // average_model_state
  readonly #options: Required<Omit<StochasticWeightAveragingOptions, "avgFn">>;
  readonly #average: AverageFunction;
  #weights: AveragedWeights;
  #norms: NormUpdate | null = null;
  #scheduler: SWALR | null = null;
  #latestEpoch = -1;
  #start = 0;
  /** Index of the last epoch that trains. */
  #end = Infinity;
  #restored: { readonly count: number; readonly weights: PyDict | null } | null = null;

  constructor(options: StochasticWeightAveragingOptions) {
    super();
    const { swaLrs, swaEpochStart = 0.8, annealingEpochs = 10, annealingStrategy = "cos" } = options;
    this.#options = { swaLrs, swaEpochStart, annealingEpochs, annealingStrategy };
    this.#average = options.avgFn ?? equalAverage;
    this.#weights = this.#fresh();
    const rates = typeof swaLrs === "number" ? [swaLrs] : swaLrs;
    if (rates.length === 0 || !rates.every((rate) => rate > 0)) {
      throw refused(`swa_lrs must be a positive number or a list of them, got ${JSON.stringify(swaLrs)}`);
    }
    if (!(swaEpochStart >= 0) || (swaEpochStart > 1 && !Number.isInteger(swaEpochStart))) {
      throw refused(`swa_epoch_start must be an epoch from 1 on, or a part of them below 1, got ${swaEpochStart}`);
    }
  }

  override stateDict(): PyDict {
    return PyDict.from({
      n_averaged: this.#weights.count,
      latest_update_epoch: this.#latestEpoch,
      scheduler_state: this.#scheduler?.stateDict() ?? null,
      average_model_state: null, // put in place by onSaveCheckpoint: it lives where the weights do
    });
  }
  override loadStateDict(state: PyDict): void {
    const weights = state.get("average_model_state");
    this.#latestEpoch = asNumber(state.get("latest_update_epoch")) ?? -1;
    this.#restored = {
      count: asNumber(state.get("n_averaged")) ?? 0,
      weights: weights instanceof PyDict ? weights : null,
    };
  }

  /** The file's scheduler is this callback's, as soon as it has one. */
  override prepareRestore(fitLoop: FitLoopState, _module: LightningModule, state: PyDict): void {
    const [optimizer] = fitLoop.optimizers;
    if (!(state.get("scheduler_state") instanceof PyDict) || optimizer === undefined) return;
    this.#useScheduler(fitLoop, optimizer, -1);
  }

  override setup(_trainer: TrainerState, _module: LightningModule, stage: Stage): void {
    if (stage !== "fit") return;
    this.#weights = this.#fresh();
    this.#norms = null;
    this.#scheduler = null;
    this.#latestEpoch = -1;
    this.#restored = null;
  }

  /** The one in which batch norms gather the statistics of the average. */
  override addedEpochs(module: LightningModule): number {
    return new NormUpdate(module).isEmpty ? 0 : 1;
  }

  override async onFitStart(trainer: TrainerState, module: LightningModule): Promise<void> {
    const fitLoop = loopOf(trainer);
    this.#check(fitLoop, module);
    const { swaEpochStart: start } = this.#options;
    const { maxEpochs } = fitLoop;
    this.#start = Math.max((start < 1 ? Math.trunc(maxEpochs * start) : start) - 1, 0);
    this.#end = maxEpochs === -1 ? Infinity : maxEpochs - 1;
    const norms = new NormUpdate(module);
    if (!norms.isEmpty && maxEpochs !== -1) {
      this.#norms = norms;
      fitLoop.maxEpochs = maxEpochs + this.addedEpochs(module);
    }
    await this.#weights.begin(trainer.executor, module);
    await this.#restoreWeights(trainer, module);
  }

  override async onTrainEpochStart(trainer: TrainerState): Promise<void> {
    const { currentEpoch: epoch, executor } = trainer;
    const isWithin = this.#start <= epoch && epoch <= this.#end;
    if (isWithin && this.#scheduler === null) this.#begin(trainer);
    if (isWithin && epoch > this.#latestEpoch) {
      await this.#weights.takeIn(executor);
      this.#latestEpoch = epoch;
    }
    if (epoch !== this.#end + 1 || this.#norms === null) return;
    await this.#weights.transfer(executor);
    this.#norms.reset(executor);
    this.#norms.begin(loopOf(trainer));
  }

  /** A run that is gone on with inside the batch norms' epoch has its statistics so far. */
  override onTrainBatchStart(trainer: TrainerState): void {
    if (this.#norms === null || trainer.currentEpoch !== this.#end + 1) return;
    this.#norms.begin(loopOf(trainer));
  }
  override onTrainEpochEnd(trainer: TrainerState): void {
    loopOf(trainer).skipBackward = false;
  }

  /** Training that is interrupted keeps its own weights, for the checkpoint that it is gone on with from. */
  override async onTrainEnd(trainer: TrainerState): Promise<void> {
    const fitLoop = loopOf(trainer);
    const last = trainer.currentEpoch - 1;
    if (this.#norms !== null && last === this.#end + 1) {
      this.#norms.end(fitLoop);
      fitLoop.maxEpochs -= 1;
    } else if (!fitLoop.interrupted && (last === this.#end || this.#end === Infinity)) {
      await this.#weights.transfer(trainer.executor);
    }
  }

  override async onSaveCheckpoint(
    trainer: TrainerState,
    module: LightningModule,
    checkpoint: Checkpoint,
  ): Promise<void> {
    const state = checkpoint.callbacks?.get(this.stateKey);
    if (!(state instanceof PyDict)) return;
    const executor = executorOf(trainer);
    const stored = new Map<Variable, StoredTensor>();
    const tensors = new Map<string, StoredTensor>();
    for (const [name, variable] of module.state()) {
      const average = this.#weights.of(variable) ?? variable;
      const tensor = stored.get(average) ?? storedTensor(await (executor?.read(average) ?? average.read()));
      stored.set(average, tensor);
      tensors.set(name, tensor);
    }
    state.set("average_model_state", dumpStateDict({ tensors, versions: module.stateVersions() }));
  }

  #fresh(): AveragedWeights {
    return new AveragedWeights({
      average: (averaged, current, count) => this.#average(averaged, current, count),
      // As in Lightning, the average's buffers stay what they were when training began.
      ruleOf: (variable) => (variable instanceof Parameter ? "average" : "keep"),
    });
  }

  #check({ optimizers, lrSchedulerConfigs, maxEpochs }: FitLoopState, module: LightningModule): void {
    if (optimizers.length !== 1) throw refused(`works with 1 optimizer, the module has ${optimizers.length}`);
    if (lrSchedulerConfigs.length > 1) {
      throw refused(`works with 1 lr scheduler, the module has ${lrSchedulerConfigs.length}`);
    }
    if (maxEpochs === -1 && this.#options.swaEpochStart < 1) {
      throw refused("swa_epoch_start must be an epoch where there are no max_epochs to take a part of");
    }
    if (!module.automaticOptimization && !new NormUpdate(module).isEmpty) {
      throw refused("cannot update the batch norms of a module that optimizes by hand");
    }
  }

  #begin(trainer: TrainerState): void {
    const fitLoop = loopOf(trainer);
    const [optimizer] = fitLoop.optimizers;
    if (optimizer === undefined) return;
    const [before] = fitLoop.lrSchedulerConfigs;
    this.#useScheduler(fitLoop, optimizer, this.#options.annealingStrategy === "cos" ? fitLoop.maxEpochs : -1);
    if (trainer.currentEpoch !== this.#start) {
      trainer.warn("StochasticWeightAveraging begins after swa_epoch_start: the checkpoint was written without it");
    }
    if (before === undefined) return;
    const { interval = "epoch", frequency = 1, scheduler } = before;
    const way = interval === "epoch" && frequency === 1 ? "" : ", which is stepped at the end of every epoch";
    trainer.warn(`from epoch ${trainer.currentEpoch} on, SWALR is in the place of ${scheduler.constructor.name}${way}`);
  }

  #useScheduler(fitLoop: FitLoopState, optimizer: Optimizer, lastEpoch: number): void {
    const { swaLrs, annealingEpochs: annealEpochs, annealingStrategy: annealStrategy } = this.#options;
    const groups = optimizer.paramGroups;
    const swaLr = typeof swaLrs === "number" ? groups.map(() => swaLrs) : swaLrs;
    groups.forEach(({ options }, i) => options.set("initial_lr", new PyFloat(swaLr[i] ?? Number.NaN)));
    this.#scheduler = new SWALR(optimizer, { swaLr, annealEpochs, annealStrategy, lastEpoch });
    fitLoop.lrSchedulerConfigs = [{ scheduler: this.#scheduler }];
  }

  async #restoreWeights({ executor }: TrainerState, module: LightningModule): Promise<void> {
    if (this.#restored === null) return;
    this.#weights.count = this.#restored.count;
    for (const [name, variable] of module.state()) {
      const tensor = this.#restored.weights?.get(name);
      const average = this.#weights.of(variable);
      if (!(tensor instanceof StoredTensor) || average === undefined) continue;
      if (tensor.shape.join() !== average.shape.join()) {
        throw new LtrainError(
          "checkpoint.mismatch",
          `the average of ${name} is [${tensor.shape.join(", ")}] in the checkpoint, [${average.shape.join(", ")}] here`,
        );
      }
      executor.write(average, await readTensor(tensor));
    }
  }
}

function loopOf({ fitLoop }: TrainerState): FitLoopState {
  if (fitLoop === null) throw new Error("weights are averaged while a trainer fits");
  return fitLoop;
}

function refused(what: string): LtrainError {
  return new LtrainError("config.invalid", `StochasticWeightAveraging: ${what}`);
}
