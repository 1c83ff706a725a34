import type { LRSchedulerConfig } from "../core/lrSchedulerConfig.js";
import type { FitLoopState } from "../core/trainerState.js";
import { ConsumedSamples } from "../data/consumedSamples.js";
import type { DataLoader } from "../data/dataLoader.js";
import type { LoaderIterator } from "../data/loaderIterator.js";
import type { Optimizer } from "../optim/optimizer.js";
import { callCallbacks, callHooks, callModule } from "./callHooks.js";
import type { LoopContext } from "./loopContext.js";
import { Progress } from "./progress.js";
import type { ResumePoint } from "./resumePoint.js";
import type { TrainingEpochLoop } from "./trainingEpochLoop.js";

/** Limits of the whole training; -1 is none. */
export interface FitLimits {
  readonly maxEpochs: number;
  readonly maxSteps: number;
}

/** Where the training data comes from. */
export interface TrainingData {
  /** A fresh loader where it is time for one: reload_dataloaders_every_n_epochs; else null. */
  reloaded(): Promise<DataLoader | null>;
}

/** Epochs until there is a reason to stop. */
export class FitLoop implements FitLoopState {
  readonly progress = new Progress("run");
  readonly epochLoop: TrainingEpochLoop;
  /**
   * The batches of the epoch under way; kept after the last one, for a checkpoint written then. Set beforehand, it is
   * what the first epoch goes on with.
   */
  batches: LoaderIterator | null = null;
  /** The examples trained on so far. */
  readonly samples = new ConsumedSamples();
  /** Where a checkpoint says to go on; taken by the first epoch. */
  resumePoint: ResumePoint | null = null;
  maxEpochs: number;

  readonly #context: LoopContext;
  readonly #limits: FitLimits;

  constructor(context: LoopContext, limits: FitLimits, epochLoop: TrainingEpochLoop) {
    this.#context = context;
    this.#limits = limits;
    this.maxEpochs = limits.maxEpochs;
    this.epochLoop = epochLoop;
  }

  get skipBackward(): boolean {
    return this.epochLoop.skipBackward;
  }
  set skipBackward(skip: boolean) {
    this.epochLoop.skipBackward = skip;
  }
  get interrupted(): boolean {
    return this.epochLoop.interrupted;
  }
  get optimizers(): readonly Optimizer[] {
    return this.#context.optimizers;
  }
  get lrSchedulerConfigs(): readonly LRSchedulerConfig[] {
    return this.#context.schedulers;
  }
  set lrSchedulerConfigs(configs: readonly LRSchedulerConfig[]) {
    const context = this.#context;
    const rhythm = { interval: "epoch", frequency: 1, strict: true, reduceOnPlateau: false } as const;
    context.schedulers = configs.map((config) => ({ ...rhythm, ...config }));
    context.module.useOptimizers(
      context.optimizers,
      configs.map(({ scheduler }) => scheduler),
    );
  }

  /** Index of the epoch under way. */
  get currentEpoch(): number {
    return this.progress.current.completed;
  }

  /** Train; gives the reason why training ended, or why there was nothing to train. */
  async run(first: DataLoader, data?: TrainingData): Promise<string> {
    const { epochLoop } = this;
    let loader = first;
    const context = this.#context;
    // Lightning makes the first iterator here, before onTrainStart: it draws its random number now.
    this.batches ??= loader.iterate();
    let next: LoaderIterator | null = this.batches;
    const nothingToDo = this.#stopReason();
    if (nothingToDo !== null) return nothingToDo;
    epochLoop.schedule.restart();
    await callHooks(context, "onTrainStart", []);
    let reason: string | null = null;
    while (reason === null) {
      const finishBatch = this.resumePoint?.finishBatch ?? null;
      const fresh = next === null ? ((await data?.reloaded()) ?? null) : null;
      if (fresh !== null) {
        loader = fresh;
        loader.iterate(); // Lightning makes one when it asks for the loader, and another one to train on: both draw a seed
      }
      if (!(this.resumePoint?.insideEpoch ?? false)) await this.#startEpoch();
      this.resumePoint = null;
      this.batches = next ?? this.#nextPass(loader);
      next = null;
      await epochLoop.run(this.batches, finishBatch);
      await this.batches.return();
      // An epoch that the user interrupts is not over: a checkpoint written now goes on inside it.
      const isOver = epochLoop.isLastBatch ? !epochLoop.validationIsCut : !epochLoop.interrupted;
      if (isOver) await this.#endEpoch();
      reason = this.#stopReason();
    }
    await context.saves?.settle(); // who saves what is missing must know what is there
    await callHooks(context, "onTrainEnd", []);
    return reason;
  }

  #nextPass(loader: DataLoader): LoaderIterator {
    if (this.batches !== null) this.samples.endPass(this.batches);
    return loader.iterate();
  }

  async #startEpoch(): Promise<void> {
    this.progress.increment("ready");
    this.epochLoop.results.reset();
    await callHooks(this.#context, "onTrainEpochStart", []);
    this.progress.increment("started");
    this.epochLoop.reset();
  }

  /**
   * The module's hook stands between the callbacks that watch no metric and those that do, so that a metric logged in
   * it can be watched; the checkpoint is written there, after `processed` and before `completed`.
   */
  async #endEpoch(): Promise<void> {
    const context = this.#context;
    const { board, trainer, callbacks } = context;
    const { results } = this.epochLoop;
    board.show(results.metrics(false));
    this.progress.increment("processed");
    const watching = callbacks.filter((callback) => callback.order !== "normal");
    const others = callbacks.filter((callback) => callback.order === "normal");
    await callCallbacks(context, "onTrainEpochEnd", [], others);
    await callModule(context, "onTrainEpochEnd", []);
    board.show(results.metrics(false));
    await callCallbacks(context, "onTrainEpochEnd", [], watching);
    board.show(results.metrics(false));
    await this.epochLoop.stepPlateauSchedulers();
    const step = this.epochLoop.batchesThatStepped - 1;
    await board.writeRow(results.metrics(false).log, trainer.currentEpoch, step);
    this.progress.increment("completed");
  }

  #stopReason(): string | null {
    const { maxSteps } = this.#limits;
    const { maxEpochs } = this;
    if (this.epochLoop.numTrainingBatches === 0) return "there are no training batches";
    if (maxSteps !== -1 && this.epochLoop.globalStep >= maxSteps) return `max_steps=${maxSteps} reached`;
    if (maxEpochs !== -1 && this.progress.current.processed >= maxEpochs) return `max_epochs=${maxEpochs} reached`;
    if (this.epochLoop.endsEarly) return "stopped";
    return null;
  }
}
