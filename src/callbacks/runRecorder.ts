import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { TrainerState } from "../core/trainerState.js";
import { countFlops } from "../engine/countFlops.js";
import type { Compilation } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { numelOf } from "../storage/hostTensor.js";
import { ModelCheckpoint } from "./modelCheckpoint.js";
import type { RecordedPart, RecordedState, RunRecord } from "./runRecord.js";
import { RECORD_VERSION, readRunRecord, writeRunRecord } from "./runRecord.js";

/** What a RunRecorder must know of the run. */
export interface RunRecorderOptions {
  /** Whether somebody has ended training before its time. */
  readonly isStopped: () => boolean;
  readonly callbacks: () => readonly Callback[];
}

/** What a run came to. */
export interface RunEnd {
  readonly stopReason: string;
  readonly epochs: number;
  readonly globalStep: number;
  /** "" where there is none. */
  readonly bestModelPath: string;
  readonly lastCheckpointPath: string;
}

/**
 * Keeps run.json beside the logs: that the run runs, how far it is at every checkpoint, and how it ended. The last word
 * is written while the run still holds its folder's lock, so that nobody takes it for killed.
 */
export class RunRecorder extends Callback {
  #options: RunRecorderOptions = { isStopped: () => false, callbacks: () => [] };
  #flopsPerStep: number | null = null;
  #folder: string | null = null;
  #record: RunRecord | null = null;
  #began = 0;
  #secondsBefore = 0;

  /** Let it know the run that it records: the Trainer does. */
  watch(options: RunRecorderOptions): void {
    this.#options = options;
  }

  /** The first training step that is compiled says what a whole step takes. */
  compiled({ name, graph }: Compilation): void {
    if (name === "trainingStep") this.#flopsPerStep ??= countFlops(graph);
  }

  override async onFitStart(trainer: TrainerState, module: LightningModule): Promise<void> {
    if (trainer.fastDevRun || !trainer.loggers.some((logger) => logger.logDir !== null)) return; // no folder of its own
    this.#folder = trainer.logDir;
    this.#began = performance.now();
    const before = trainer.ckptPath === null ? null : await readRunRecord(trainer.logDir);
    this.#secondsBefore = before?.seconds ?? 0;
    this.#record = {
      schema_version: RECORD_VERSION,
      state: "running",
      reason: null,
      started: before?.started ?? new Date().toISOString(),
      ended: null,
      seconds: this.#secondsBefore,
      model: module.constructor.name,
      engine: trainer.executor.engine,
      device: trainer.executor.device,
      epochs: trainer.currentEpoch,
      global_step: trainer.globalStep,
      best: null,
      best_model_path: null,
      last_checkpoint_path: trainer.ckptPath,
      flops_per_step: null,
      summary: partsOf(module),
    };
    await this.#write({});
  }

  override async onTrainEpochEnd(trainer: TrainerState): Promise<void> {
    await this.#keepUp(trainer, { epochs: trainer.currentEpoch + 1, global_step: trainer.globalStep });
  }

  override async onCheckpointSaved(trainer: TrainerState, path: string): Promise<void> {
    await this.#keepUp(trainer, { global_step: trainer.globalStep, last_checkpoint_path: path });
  }

  override async onFitEnd(trainer: TrainerState): Promise<void> {
    await this.#end(trainer, this.#options.isStopped() ? "interrupted" : "done", null);
  }

  override async onException(trainer: TrainerState, _: LightningModule, error: unknown): Promise<void> {
    await this.#end(trainer, "failed", error instanceof Error ? error.message : String(error));
  }

  /** What is known only when all is over. */
  async finish(result: RunEnd): Promise<void> {
    await this.#write({
      reason: result.stopReason,
      epochs: result.epochs,
      global_step: result.globalStep,
      best_model_path: result.bestModelPath === "" ? null : result.bestModelPath,
      last_checkpoint_path:
        result.lastCheckpointPath === "" ? (this.#record?.last_checkpoint_path ?? null) : result.lastCheckpointPath,
    });
  }

  async #end(trainer: TrainerState, state: RecordedState, reason: string | null): Promise<void> {
    await this.#write({ state, reason, ended: new Date().toISOString(), global_step: trainer.globalStep });
  }

  /** While training goes on a full disk only keeps the record from being of today: whether that matters, checkpoints say. */
  async #keepUp(trainer: TrainerState, changes: Partial<RunRecord>): Promise<void> {
    try {
      await this.#write(changes);
    } catch (error) {
      if (!(error instanceof LtrainError) || error.code !== "disk.full") throw error;
      trainer.warn(`run.json is left as it was: ${error.message}`);
    }
  }

  async #write(changes: Partial<RunRecord>): Promise<void> {
    if (this.#folder === null || this.#record === null) return;
    const seconds = this.#secondsBefore + (performance.now() - this.#began) / 1000;
    this.#record = {
      ...this.#record,
      seconds: Number(seconds.toFixed(3)),
      flops_per_step: this.#flopsPerStep,
      best: this.#best(),
      ...changes,
    };
    await writeRunRecord(this.#folder, this.#record);
  }

  #best(): RunRecord["best"] {
    const watching = this.#options.callbacks().find((each) => each instanceof ModelCheckpoint && each.monitor !== null);
    if (!(watching instanceof ModelCheckpoint) || watching.monitor === null) return null;
    return { metric: watching.monitor, value: watching.bestModelScore };
  }
}

/** Every module with parameters of its own, and how many of them are trained. */
function partsOf(module: Module): RecordedPart[] {
  const types = new Map(module.namedModules().map(([name, part]) => [name, part.constructor.name]));
  const parts = new Map<string, { parameters: number; trainable: number }>();
  for (const [path, { shape, requiresGrad }] of module.namedParameters()) {
    const name = path.slice(0, Math.max(path.lastIndexOf("."), 0));
    const part = parts.get(name) ?? { parameters: 0, trainable: 0 };
    parts.set(name, part);
    part.parameters += numelOf(shape);
    part.trainable += requiresGrad ? numelOf(shape) : 0;
  }
  return Array.from(parts, ([name, part]) => ({ name, type: types.get(name) ?? "", ...part }));
}
