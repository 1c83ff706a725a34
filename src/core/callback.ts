import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { PyDict } from "../pickle/values.js";
import type { LightningModule } from "./lightningModule.js";
import type { Prediction } from "./prediction.js";
import type {
  ExpectedCheckpoints,
  SavedMoment,
  FitLoopState,
  Stage,
  StepResult,
  TrainerState,
} from "./trainerState.js";

export type { StepResult } from "./trainerState.js";

/** The empty base class of what users add around training; hooks are called in Lightning's order and awaited. */
export abstract class Callback {
  /**
   * Lightning's order: callbacks that checkpoint ("last") run after all others; at a train epoch's end they and those
   * that watch a metric ("monitoring") run after the module's own hook, so that they see what it logged.
   */
  readonly order: "normal" | "monitoring" | "last" = "normal";

  /** The key of this callback's state in the checkpoint; Lightning's default is the class name. */
  get stateKey(): string {
    return this.constructor.name;
  }
  /** Why this callback has asked training to stop, for the run's last word; null while it has not. */
  get stopReason(): string | null {
    return null;
  }
  /** Batches whose gradients make one optimizer step in an epoch, from a callback that decides it. */
  accumulateGradBatches?(epoch: number): number;
  /** Epochs in which it keeps the run going beyond max_epochs. */
  addedEpochs?(module: LightningModule): number;
  /** State for the checkpoint; null (Lightning: an empty dict) leaves no entry. */
  stateDict(): PyDict | null {
    return null;
  }
  /**
   * Before optimizers and schedulers take their states out of a checkpoint in which this callback has `state`: bring them
   * into the form that they had when it was written.
   */
  prepareRestore?(fitLoop: FitLoopState, module: LightningModule, state: PyDict): void | Promise<void>;
  /** Tensors in the state are read when they are needed, so this may take its time. */
  loadStateDict?(state: PyDict): void | Promise<void>;

  setup?(trainer: TrainerState, module: LightningModule, stage: Stage): void | Promise<void>;
  teardown?(trainer: TrainerState, module: LightningModule, stage: Stage): void | Promise<void>;
  onFitStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onFitEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onSanityCheckStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onSanityCheckEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onTrainStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onTrainEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onTrainEpochStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onTrainEpochEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  /**
   * Whether this callback wants the loss and the metrics of the batch that was just trained; reading them to the host
   * costs time. Asked before onTrainBatchEnd of every batch that is not read anyway.
   */
  wantsOutputs?(trainer: TrainerState, batchIdx: number): boolean;
  onTrainBatchStart?(trainer: TrainerState, module: LightningModule, batchIdx: number): void | Promise<void>;
  /** `outputs` has `loss` when this batch was read to the host (logged, last of its epoch, or wanted). */
  onTrainBatchEnd?(
    trainer: TrainerState,
    module: LightningModule,
    outputs: StepResult,
    batchIdx: number,
  ): void | Promise<void>;
  onValidationStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onValidationEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onValidationEpochStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onValidationEpochEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onValidationBatchStart?(trainer: TrainerState, module: LightningModule, batchIdx: number): void | Promise<void>;
  onValidationBatchEnd?(trainer: TrainerState, module: LightningModule, batchIdx: number): void | Promise<void>;
  onTestStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onTestEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onTestEpochStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onTestEpochEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onTestBatchStart?(trainer: TrainerState, module: LightningModule, batchIdx: number): void | Promise<void>;
  onTestBatchEnd?(trainer: TrainerState, module: LightningModule, batchIdx: number): void | Promise<void>;
  onPredictStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onPredictEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onPredictEpochStart?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onPredictEpochEnd?(trainer: TrainerState, module: LightningModule): void | Promise<void>;
  onPredictBatchStart?(trainer: TrainerState, module: LightningModule, batchIdx: number): void | Promise<void>;
  onPredictBatchEnd?(
    trainer: TrainerState,
    module: LightningModule,
    prediction: Prediction,
    batchIdx: number,
  ): void | Promise<void>;
  /** After a checkpoint has become durable under its final name. */
  onCheckpointSaved?(trainer: TrainerState, path: string, moment: SavedMoment): void | Promise<void>;
  /** The disk is full: a file of this callback's that may go for the next one, and is forgotten by it; null: none. */
  spareCheckpoint?(trainer: TrainerState): string | null;
  /** What this callback is going to write, as far as that can be told before the first step; null: nobody knows. */
  expectedCheckpoints?(trainer: TrainerState): ExpectedCheckpoints | null;
  /** Copies of the module's state that it adds to every full checkpoint, for the forecast of their size. */
  readonly savedCopies?: number;
  onSaveCheckpoint?(trainer: TrainerState, module: LightningModule, checkpoint: Checkpoint): void | Promise<void>;
  onLoadCheckpoint?(trainer: TrainerState, module: LightningModule, checkpoint: Checkpoint): void | Promise<void>;
  onException?(trainer: TrainerState, module: LightningModule, error: unknown): void | Promise<void>;
}
