import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { StepResult, TrainerState } from "../core/trainerState.js";
import { processTerminal } from "../io/console.js";
import type { Terminal } from "../io/console.js";
import type { LiveLine } from "../io/liveLine.js";
import { liveLineOf } from "../io/liveLine.js";
import { History } from "../plot/sparkline.js";
import { epochTitle, evaluationProgress } from "./evaluationProgress.js";
import { progressLine, progressSentence, StickyWidths } from "./progressText.js";
import type { Progress } from "./progressText.js";

/** Where a ProgressBar writes, and how often. */
export interface ProgressBarOptions {
  readonly terminal?: Terminal;
  /** Batches between two looks at the clock; the screen is drawn at most ten times a second anyway. 0 is off. */
  readonly refreshRate?: number;
  /** Keep the bar of every epoch on the screen. */
  readonly leave?: boolean;
  /** Milliseconds, for tests. */
  readonly clock?: () => number;
}

/** Ten pictures a second are what an eye can use. */
const MILLIS_PER_PICTURE = 100;
/** A log file gets a line this often. */
const MILLIS_PER_LINE = 5000;
/** Speed is that of the last seconds, not of a slow beginning. */
const RATE_WINDOW_MILLIS = 10_000;

/** Shows how far training is, on stderr: a line that is written over on a terminal, a plain line every few seconds elsewhere. */
export class ProgressBar extends Callback {
  readonly #terminal: Terminal;
  readonly #refreshRate: number;
  readonly #leave: boolean;
  readonly #clock: () => number;
  #lastDrawn = -Infinity;
  readonly #line: LiveLine;
  #widths = new StickyWidths();
  #history = new History();
  #loss: number | null = null;
  /** Batches validated, tested or predicted since it began, and when that was. */
  #evaluated = 0;
  #evaluatedSince = 0;
  /** Batches trained since this run began, and when each of some recent counts was reached. */
  #trained = 0;
  #marks: { readonly at: number; readonly trained: number }[] = [];
  #epochMillis = 0;
  #epochTrained = 0;
  #lastBatchAt = 0;

  constructor(options: ProgressBarOptions = {}) {
    super();
    this.#terminal = options.terminal ?? processTerminal();
    this.#line = liveLineOf(this.#terminal.stderr);
    this.#refreshRate = options.refreshRate ?? 1;
    this.#leave = options.leave ?? false;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** The loss is worth reading to the host only when it is about to be shown. */
  override wantsOutputs(trainer: TrainerState, batchIdx: number): boolean {
    return this.#looks(trainer, batchIdx) && this.#isDue();
  }

  override onTrainEpochStart(): void {
    this.#epochMillis = 0;
    this.#epochTrained = 0;
    this.#resume();
  }

  override onTrainBatchEnd(
    trainer: TrainerState,
    _module: LightningModule,
    outputs: StepResult,
    batchIdx: number,
  ): void {
    const now = this.#clock();
    this.#trained += 1;
    this.#epochTrained += 1;
    this.#epochMillis += now - this.#lastBatchAt;
    this.#lastBatchAt = now;
    const { loss } = outputs;
    if (loss !== undefined) {
      this.#loss = loss;
      this.#history.add(loss);
    }
    if (!this.#looks(trainer, batchIdx)) return;
    const isLast = this.#terminal.stderr.isTTY && trainer.isLastBatch;
    if (isLast || this.#isDue()) this.#draw(this.#training(trainer));
  }

  override onValidationStart(): void {
    this.#beginEvaluation();
  }
  override onValidationBatchEnd(trainer: TrainerState): void {
    this.#evaluateBatch(trainer);
  }
  override onTestStart(): void {
    this.#beginEvaluation();
  }
  override onTestBatchEnd(trainer: TrainerState): void {
    this.#evaluateBatch(trainer);
  }
  override onTestEnd(trainer: TrainerState): void {
    this.#endEvaluation(trainer);
  }
  override onPredictStart(): void {
    this.#beginEvaluation();
  }
  override onPredictBatchEnd(trainer: TrainerState): void {
    this.#evaluateBatch(trainer);
  }
  override onPredictEnd(trainer: TrainerState): void {
    this.#endEvaluation(trainer);
  }
  override onValidationEnd(trainer: TrainerState): void {
    this.#resume();
    if (trainer.stage === "validate") this.#endEvaluation(trainer);
    if (this.#refreshRate > 0 && trainer.stage === "fit" && this.#line.isOpen) this.#drawEpoch(trainer);
  }

  /** The epoch as a whole: its own speed, and what validation found. */
  override onTrainEpochEnd(trainer: TrainerState): void {
    if (this.#refreshRate === 0) return;
    this.#drawEpoch(trainer);
    if (this.#leave) this.#endLine();
  }

  override onTrainEnd(): void {
    this.#endLine();
  }
  override onException(): void {
    this.#endLine();
  }

  #beginEvaluation(): void {
    this.#evaluated = 0;
    this.#evaluatedSince = this.#clock();
  }
  #evaluateBatch(trainer: TrainerState): void {
    this.#evaluated += 1;
    if (this.#refreshRate > 0 && this.#isDue()) this.#draw(this.#evaluating(trainer));
  }
  #endEvaluation(trainer: TrainerState): void {
    if (this.#refreshRate === 0) return;
    this.#draw({ ...this.#evaluating(trainer), eta: null, metrics: [...trainer.progressBarMetrics] });
    this.#endLine();
  }

  /** Time spent on validation and checkpoints is not the speed of training. */
  #resume(): void {
    this.#lastBatchAt = this.#clock();
    this.#marks = [{ at: this.#lastBatchAt, trained: this.#trained }];
  }

  #looks(trainer: TrainerState, batchIdx: number): boolean {
    return this.#refreshRate > 0 && ((batchIdx + 1) % this.#refreshRate === 0 || trainer.isLastBatch);
  }

  #isDue(): boolean {
    const pause = this.#terminal.stderr.isTTY ? MILLIS_PER_PICTURE : MILLIS_PER_LINE;
    // Where there is no terminal, the first line comes after the first pause: a short epoch gets its end only.
    if (this.#lastDrawn === -Infinity && !this.#terminal.stderr.isTTY) this.#lastDrawn = this.#clock();
    return this.#clock() - this.#lastDrawn >= pause;
  }

  #draw(progress: Progress): void {
    const { stderr } = this.#terminal;
    this.#lastDrawn = this.#clock();
    if (!stderr.isTTY) {
      stderr.write(`${progressSentence(progress)}\n`);
      return;
    }
    const { columns, hasColor } = stderr;
    this.#line.show(progressLine(progress, { columns, hasColor, widths: this.#widths }));
  }

  #drawEpoch(trainer: TrainerState): void {
    const seconds = this.#epochMillis / 1000;
    this.#draw(this.#training(trainer, seconds > 0 ? this.#epochTrained / seconds : null));
  }

  #endLine(): void {
    this.#line.end();
  }

  #training(trainer: TrainerState, rate = this.#rate()): Progress {
    const left = batchesLeft(trainer);
    return {
      title: epochTitle(trainer),
      done: trainer.batchIdx + 1,
      total: trainer.numTrainingBatches,
      rate,
      eta: rate === null || rate === 0 || left === null ? null : left / rate,
      metrics: this.#metrics(trainer),
      lr: trainer.learningRates[0] ?? null,
      step: trainer.globalStep,
      history: (columns) => this.#history.shape(columns),
    };
  }

  #evaluating(trainer: TrainerState): Progress {
    return evaluationProgress(trainer, this.#evaluated, (this.#clock() - this.#evaluatedSince) / 1000);
  }

  #rate(): number | null {
    const now = this.#clock();
    this.#marks.push({ at: now, trained: this.#trained });
    while (this.#marks.length > 2 && now - (this.#marks[0]?.at ?? now) > RATE_WINDOW_MILLIS) this.#marks.shift();
    const [first] = this.#marks;
    if (first === undefined || now <= first.at || this.#trained === first.trained) return null;
    return ((this.#trained - first.trained) / (now - first.at)) * 1000;
  }

  /** What modules show, and the loss first when none of it is one. */
  #metrics(trainer: TrainerState): [string, number][] {
    const shown = [...trainer.progressBarMetrics];
    const hasLoss = shown.some(([name]) => /^(train[_/])?loss(_step)?$/.test(name));
    return this.#loss === null || hasLoss ? shown : [["loss", this.#loss], ...shown];
  }
}

/** Training batches to the end of the run, as far as its limits tell. */
function batchesLeft(trainer: TrainerState): number | null {
  const { currentEpoch, maxEpochs, maxSteps, numTrainingBatches, batchIdx, globalStep } = trainer;
  const limits = [
    ...(maxEpochs > 0 ? [(maxEpochs - currentEpoch) * numTrainingBatches - batchIdx - 1] : []),
    ...(maxSteps > 0 ? [maxSteps - globalStep] : []),
  ];
  const left = Math.min(...limits);
  return Number.isFinite(left) ? Math.max(left, 0) : null;
}
