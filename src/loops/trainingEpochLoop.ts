import { batchSizeOf, flattenBatch } from "../core/batch.js";
import type { StepResult } from "../core/trainerState.js";
import type { LoaderIterator } from "../data/loaderIterator.js";
import type { Batch } from "../data/batch.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { defaultGenerator } from "../tensor/generator.js";
import { callCallbacks, callModule } from "./callHooks.js";
import type { EvaluationLoop } from "./evaluationLoop.js";
import type { LoopContext } from "./loopContext.js";
import type { GradientWindow } from "./gradientWindow.js";
import type { BatchPlace } from "./optimizerStep.js";
import { BatchProgress, Progress } from "./progress.js";
import { Results } from "./results.js";
import { stepSchedulers } from "./schedulerSteps.js";
import { StepClock } from "./stepClock.js";
import { StepLogs } from "./stepLogs.js";
import { TrainingSteps, type TrainingStepsOptions } from "./trainingSteps.js";
import type { UnfinishedBatch } from "./unfinishedBatch.js";
import { placeOf, userFailure } from "./userFailure.js";
import type { ValidationLimits } from "./validationSchedule.js";
import { ValidationSchedule } from "./validationSchedule.js";

/** Limits of the epoch under way. */
export interface TrainingEpochLimits extends TrainingStepsOptions, ValidationLimits {
  /** -1: no limit. */
  readonly maxSteps: number;
  /** Before so many epochs and steps, only an interruption ends training early. */
  readonly minEpochs: number;
  readonly minSteps: number;
  readonly logEveryNSteps: number;
}

/** Milliseconds of training after which signals and timers get their turn. */
const TURN_MS = 20;

/** The batches of one training epoch. */
export class TrainingEpochLoop {
  readonly batchProgress = new BatchProgress();
  readonly schedulerProgress = new Progress("step");
  readonly results = new Results(true);
  readonly clock = new StepClock();
  readonly validation: EvaluationLoop;
  readonly schedule: ValidationSchedule;
  /** The loggers' step: one behind `globalStep` until the batch under way is over. */
  batchesThatStepped = 0;
  numTrainingBatches = 0;
  /** true: batches go forward only. */
  skipBackward = false;
  /** Whether an interruption ended the validation under way: it is due again, and the epoch is not over. */
  validationIsCut = false;

  readonly #context: LoopContext;
  readonly #limits: TrainingEpochLimits;
  readonly #logs: StepLogs;
  readonly #steps: TrainingSteps;
  #lastTurn = performance.now();
  /** The random state before the batch under way was asked for; null between batches. */
  #randomBefore: HostTensor | null = null;

  constructor(context: LoopContext, limits: TrainingEpochLimits, validation: EvaluationLoop) {
    this.#context = context;
    this.#limits = limits;
    this.validation = validation;
    this.schedule = new ValidationSchedule(limits);
    this.#logs = new StepLogs("trainingStep", true, this.results);
    this.#steps = new TrainingSteps(context, limits, this.#logs, () => this.#place);
  }

  get optimizerProgress(): Progress {
    return this.#steps.optimizerProgress;
  }
  get zeroGradProgress(): Progress {
    return this.#steps.zeroGradProgress;
  }
  get manualProgress(): Progress {
    return this.#steps.manualProgress;
  }
  get window(): GradientWindow {
    return this.#steps.window;
  }
  /** Optimizer steps over the whole training. */
  get globalStep(): number {
    return this.#steps.globalStep;
  }
  /** Accumulation windows that are over; a module that optimizes by hand has one for each batch. */
  get windowsTrained(): number {
    const { automaticOptimization } = this.#context.module;
    return automaticOptimization ? this.globalStep : this.batchProgress.total.completed;
  }
  /** Index of the batch under way, -1 before the first. */
  get batchIdx(): number {
    return this.batchProgress.current.ready - 1;
  }
  /** Whether the batch under way ends the epoch. */
  get isLastBatch(): boolean {
    return this.batchProgress.isLastBatch || this.batchProgress.current.ready >= this.numTrainingBatches;
  }
  /** Whether the optimizer steps after the batch under way: its window is full, or the epoch ends. */
  get steps(): boolean {
    const isFull = !this.skipBackward && this.batchProgress.current.ready % this.window.size === 0;
    return isFull || this.isLastBatch;
  }
  /** Whether the metrics of the batch under way go to the loggers. */
  get shouldLog(): boolean {
    const { logEveryNSteps } = this.#limits;
    if (logEveryNSteps === 0 || !this.steps) return false;
    if ((this.batchesThatStepped + 1) % logEveryNSteps === 0) return true;
    // The last row of a run that ends itself; one that is interrupted goes on later with the rows it would have had.
    return this.#context.trainer.shouldStop && !this.interrupted;
  }

  /** Whether to leave after the batch under way, in the middle of the epoch: it is neither validated nor ended. */
  get interrupted(): boolean {
    return this.#context.interruption.isAsked;
  }
  /** Whether training ends before its limits: an interruption sees to that, a wish only from min_epochs and min_steps on. */
  get endsEarly(): boolean {
    const { minEpochs, minSteps } = this.#limits;
    const { currentEpoch, shouldStop } = this.#context.trainer;
    return this.interrupted || (shouldStop && currentEpoch >= minEpochs && this.globalStep >= minSteps);
  }
  /** Whether a validation follows the batch under way. */
  get validatesNext(): boolean {
    if (this.validation.numBatches === 0) return false;
    const { currentEpoch: epoch } = this.#context.trainer;
    // Before an end that nobody forced, what was trained last is validated.
    if (this.endsEarly && !this.interrupted) return this.schedule.includes(epoch);
    const { current, total } = this.batchProgress;
    const numBatches = this.numTrainingBatches;
    return this.schedule.isDue({ epoch, current: current.ready, total: total.ready, numBatches });
  }
  /** The random state to go on from: a batch that is not trained to its end is asked for and trained again. */
  get randomState(): HostTensor {
    return this.#randomBefore ?? defaultGenerator.getState();
  }

  /** A new epoch begins: its counters start from zero. */
  reset(): void {
    this.batchProgress.resetOnRun();
    this.schedulerProgress.resetOnRun();
    this.optimizerProgress.resetOnRun();
    this.zeroGradProgress.resetOnRun();
    this.validation.progress.resetTotal();
  }

  /** Train batch after batch; first what a checkpoint left undone of its last one. */
  async run(batches: LoaderIterator, unfinished: UnfinishedBatch | null): Promise<void> {
    if (unfinished !== null && !(unfinished.isCounted && this.steps)) await this.#afterBatch(unfinished.isValidated);
    while (!this.#done()) {
      const batch = await this.#fetch(batches);
      if (batch === null) break;
      await this.#trainBatch(batch);
      await this.#afterBatch();
      await this.#yieldTurn();
      const saved = this.#context.saves?.attend();
      if (saved !== undefined) await saved;
    }
    await this.settle();
  }

  /** Bring what was logged to the host and put it up; for whoever must see the metrics of this moment. */
  async settle(): Promise<StepResult> {
    if (!this.#logs.isWaiting) return this.#logs.last;
    await this.#logs.settle();
    this.#context.board.show(this.results.metrics(true));
    return this.#logs.last;
  }

  /** Give back what waits on the device. */
  dispose(): void {
    this.#logs.dispose();
  }

  get #place(): BatchPlace {
    const { batchIdx: index } = this;
    const { skipBackward: forwardOnly, steps } = this;
    return { index, opensWindow: !forwardOnly && index % this.window.size === 0, steps, forwardOnly };
  }

  #done(): boolean {
    const { maxSteps } = this.#limits;
    const trained = this.isLastBatch || (maxSteps !== -1 && this.globalStep >= maxSteps);
    if (trained || this.endsEarly) return true;
    if (this.#context.trainer.shouldStop) this.#tellOfMinimum();
    return false;
  }

  #tellOfMinimum(): void {
    const { minEpochs, minSteps } = this.#limits;
    this.#context.trainer.warn(
      `training was asked to stop, and goes on until min_epochs=${minEpochs} and min_steps=${minSteps} are reached`,
    );
  }

  async #fetch(batches: LoaderIterator): Promise<Batch | null> {
    try {
      batches.prepare(); // the order's own random number is drawn once, whatever comes of the batch
      this.#randomBefore = defaultGenerator.getState();
      const next = await this.clock.measure("data", () => this.#context.interruption.orNull(batches.next()));
      return next === null || next.done === true ? null : next.value;
    } catch (error) {
      const { currentEpoch } = this.#context.trainer;
      throw userFailure(error, `the training data in epoch ${currentEpoch}, batch ${this.batchIdx + 1}`);
    }
  }

  async #trainBatch(batch: Batch): Promise<void> {
    const context = this.#context;
    const { batchProgress } = this;
    const flat = flattenBatch(batch);
    context.hookLogs.batchSize = batchSizeOf(flat);
    batchProgress.isLastBatch = batchProgress.current.ready + 1 >= this.numTrainingBatches;
    batchProgress.increment("ready");
    const { batchIdx } = this;
    await callCallbacks(context, "onTrainBatchStart", [batchIdx]);
    await callModule(context, "onTrainBatchStart", [batchIdx]);
    batchProgress.increment("started");

    try {
      await this.clock.measure("step", () => this.#steps.run(flat));
    } catch (error) {
      throw userFailure(error, `${context.module.constructor.name}.trainingStep ${placeOf(context.trainer)}`);
    }
    batchProgress.increment("processed");
    this.#randomBefore = null;
    if (this.steps) this.clock.tick();

    await this.#stepStepSchedulers(false);
    if (this.isLastBatch) await this.#stepEpochSchedulers(false);

    const outputs = this.#wantsOutputs(batchIdx) ? await this.settle() : {};
    await callCallbacks(context, "onTrainBatchEnd", [outputs, batchIdx]);
    await callModule(context, "onTrainBatchEnd", [batchIdx]);
    if (context.hookLogs.takeNews()) context.board.show(this.results.metrics(true));
    batchProgress.increment("completed");
    if (this.shouldLog) await this.#logBatch();
  }

  /** Schedulers that count steps do not move with a step that the optimizer did not take. */
  async #stepStepSchedulers(plateau: boolean): Promise<void> {
    if (this.#steps.stepped) await this.#stepSchedulers("step", plateau, this.batchIdx);
  }

  /** Epoch schedulers step with the epoch's last batch; those that watch a metric, after the epoch's metrics. */
  #stepEpochSchedulers(plateau: boolean): Promise<void> {
    return this.#stepSchedulers("epoch", plateau, this.#context.trainer.currentEpoch);
  }
  /** The schedulers that watch a metric, for an epoch whose checkpoint was written before they stepped. */
  stepLatePlateauSchedulers(epoch: number): Promise<void> {
    return this.#stepSchedulers("epoch", true, epoch, true);
  }
  #stepSchedulers(interval: "step" | "epoch", plateau: boolean, index: number, isLate = false): Promise<void> {
    const settle = (): Promise<unknown> => this.settle();
    return stepSchedulers(this.#context, this.schedulerProgress, { interval, plateau, index, settle, isLate });
  }

  /** After the epoch's end hooks: the schedulers that watch a metric. */
  async stepPlateauSchedulers(): Promise<void> {
    if (this.isLastBatch) await this.#stepEpochSchedulers(true);
  }

  #wantsOutputs(batchIdx: number): boolean {
    const { trainer, callbacks } = this.#context;
    if (this.shouldLog || this.isLastBatch) return true;
    return callbacks.some((callback) => callback.wantsOutputs?.(trainer, batchIdx) ?? false);
  }

  async #logBatch(): Promise<void> {
    await this.settle(); // onTrainBatchEnd may have asked to stop, and then the last batch is logged too
    const { board, trainer } = this.#context;
    await board.writeRow(this.results.metrics(true).log, trainer.currentEpoch, this.batchesThatStepped);
  }

  /** What follows a batch: validation, schedulers that watch a step's metric, the loggers' next step. */
  async #afterBatch(isValidated = false): Promise<void> {
    const context = this.#context;
    if (!isValidated && this.validatesNext) {
      await context.validationLoader?.();
      this.validationIsCut = !(await this.validation.run());
      if (this.validationIsCut) return; // a checkpoint written now says that all of this is still due
      this.schedule.restart();
    }
    if (this.steps) {
      await this.#stepStepSchedulers(true);
      this.batchesThatStepped += 1;
    }
    if (context.trainer.shouldStop) await context.board.save();
  }

  /** Awaited promises alone never let a signal handler run. */
  async #yieldTurn(): Promise<void> {
    if (performance.now() - this.#lastTurn < TURN_MS) return;
    // The first may come before the system is asked what has happened, the second comes after it.
    for (let i = 0; i < 2; i += 1) await new Promise((resolve) => setImmediate(resolve));
    this.#lastTurn = performance.now();
  }
}
