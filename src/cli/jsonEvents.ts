import { jsonNumber } from "../checkpoint/jsonValue.js";
import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { SavedMoment, StepResult, TrainerState } from "../core/trainerState.js";
import type { ConsoleStream } from "../io/console.js";
import type { FitResult } from "../trainer/fitResult.js";
import { SCHEMA_VERSION } from "./jsonWriter.js";

/** One event of a run: a name and its facts, in the order they are printed. */
export type JsonEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** Write an event as one line; JSON has no word for NaN and infinities, so they are written as text. */
export function writeEvent(stdout: ConsoleStream, { event, ...facts }: JsonEvent): void {
  const line = { event, schema_version: SCHEMA_VERSION, ...facts };
  const spelled = (_: string, value: unknown): unknown => (typeof value === "number" ? jsonNumber(value) : value);
  stdout.write(`${JSON.stringify(line, spelled)}\n`);
}

/** Tells a run as it goes on, one JSON object per line: what `--json` prints. */
export class JsonEvents extends Callback {
  readonly #stdout: ConsoleStream;

  constructor(stdout: ConsoleStream) {
    super();
    this.#stdout = stdout;
  }

  override onTrainStart(trainer: TrainerState, module: LightningModule): void {
    writeEvent(this.#stdout, {
      event: "fit_start",
      run_dir: trainer.logDir,
      engine: trainer.executor.engine,
      device: trainer.executor.device,
      model: module.constructor.name,
      epoch: trainer.currentEpoch,
      global_step: trainer.globalStep,
      max_epochs: trainer.maxEpochs,
      max_steps: trainer.maxSteps,
      train_batches: trainer.numTrainingBatches,
      val_batches: trainer.numValidationBatches,
      ckpt_path: trainer.ckptPath,
    });
  }

  override onTrainBatchEnd(
    trainer: TrainerState,
    _module: LightningModule,
    outputs: StepResult,
    batchIdx: number,
  ): void {
    if (!trainer.shouldLog) return;
    const { loss, ...metrics } = outputs;
    writeEvent(this.#stdout, {
      event: "step",
      epoch: trainer.currentEpoch,
      batch: batchIdx,
      global_step: trainer.globalStep,
      loss: loss ?? null,
      lr: trainer.learningRates[0] ?? null,
      metrics,
    });
  }

  override onValidationEnd(trainer: TrainerState): void {
    if (trainer.stage === "sanityCheck") return;
    writeEvent(this.#stdout, {
      event: "validation",
      epoch: trainer.currentEpoch,
      global_step: trainer.globalStep,
      metrics: Object.fromEntries(trainer.callbackMetrics),
    });
  }

  override onCheckpointSaved(_trainer: TrainerState, path: string, moment: SavedMoment): void {
    const { epoch, globalStep } = moment;
    writeEvent(this.#stdout, { event: "checkpoint", path, epoch, global_step: globalStep });
  }
}

/** The last event of a run. */
export function fitEnd(result: FitResult): JsonEvent {
  return {
    event: "fit_end",
    global_step: result.globalStep,
    epochs: result.epochs,
    seconds: result.seconds,
    steps_per_second: result.stepsPerSecond,
    time_shares: result.timeShares,
    stop_reason: result.stopReason,
    best_model_path: result.bestModelPath === "" ? null : result.bestModelPath,
    last_checkpoint_path: result.lastCheckpointPath === "" ? null : result.lastCheckpointPath,
    metrics: Object.fromEntries(result.callbackMetrics),
  };
}
