import type { CheckpointIO, PreparedSave } from "../checkpoint/checkpointIO.js";
import type { SavedFile, SaveOrder } from "../checkpoint/saveOrder.js";
import type { SavedMoment, SaveOptions, TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { detail } from "../io/details.js";
import { userCode } from "../loops/userFailure.js";
import type { Allot } from "../storage/hostTensor.js";
import { captureSave, saveRows } from "./captureSave.js";
import type { FitRun } from "./fitRun.js";
import type { OnDiskFull } from "./options.js";

/** How checkpoints are saved. */
export interface CheckpointSaverOptions {
  readonly io: CheckpointIO;
  readonly trainer: TrainerState;
  /** Whether training goes on while a checkpoint is written. */
  readonly isAsync: boolean;
  readonly onDiskFull: OnDiskFull;
  /** Milliseconds between two looks at a full disk. */
  readonly pauseMs?: number;
}

/** A save that has been copied aside and is being written. */
interface Pending {
  readonly run: FitRun;
  readonly moment: SavedMoment;
  readonly outcome: Promise<readonly SavedFile[]>;
  isOver: boolean;
}

/** Saves the moments of a run, one at a time: never two writes at once, and no save counts before it is durable. */
export class CheckpointSaver {
  /** Where the newest checkpoint is that is durable, "" before there is one. */
  lastPath = "";
  /** What the newest write failed with; null where it went well, or is under way. */
  failure: unknown = null;

  readonly #options: CheckpointSaverOptions;
  #pending: Pending | null = null;
  #isPaused = false;

  constructor(options: CheckpointSaverOptions) {
    this.#options = options;
  }

  /** A fit begins: it has saved nothing. */
  begin(): void {
    this.lastPath = "";
    this.failure = null;
  }

  /** Copy this moment aside and have it written; resolves when it is durable, with `background` when it is copied. */
  async save(run: FitRun, path: string, options: SaveOptions): Promise<void> {
    await this.settle();
    const { io, trainer, isAsync } = this.#options;
    const background = isAsync && options.background === true && io.prepare !== undefined;
    const allot: Allot | undefined = background ? io.begin?.() : undefined;
    await run.settle();
    await this.#untilRoom(run, () => saveRows(run));
    const order = await captureSave(run, path, options, allot);
    const moment = { epoch: trainer.currentEpoch, globalStep: trainer.globalStep };
    const prepared = (await io.prepare?.(order, background)) ?? plainSave(io, order);
    const pending: Pending = { run, moment, outcome: this.#write(run, prepared), isOver: false };
    this.failure = null;
    pending.outcome
      .catch((error: unknown) => {
        this.failure = error;
      })
      .finally(() => {
        pending.isOver = true;
      });
    this.#pending = pending;
    if (!background) await this.settle();
  }

  /** Between two batches: hear of a save that is over, and wait while the disk is full. */
  attend(): Promise<void> | undefined {
    return this.#pending?.isOver === true || this.#isPaused ? this.settle() : undefined;
  }

  /** Wait until what was saved is durable, and tell the callbacks; its failure is thrown here. */
  async settle(): Promise<void> {
    const pending = this.#pending;
    if (pending === null) return;
    let saved: readonly SavedFile[];
    try {
      saved = await pending.outcome;
    } finally {
      if (this.#pending === pending) this.#pending = null;
      else saved = []; // somebody else waited too, and has told
    }
    const { trainer } = this.#options;
    for (const { path } of saved) {
      detail("saved", () => path);
      for (const callback of pending.run.callbacks) {
        const told = `${callback.constructor.name}.onCheckpointSaved`;
        await userCode(told, () => callback.onCheckpointSaved?.(trainer, path, pending.moment));
      }
    }
  }

  /** Wait for the last write and give back threads and memory. */
  async close(): Promise<void> {
    try {
      await this.settle();
    } finally {
      await this.#options.io.close?.();
    }
  }

  async #write(run: FitRun, prepared: PreparedSave): Promise<readonly SavedFile[]> {
    const saved = await this.#untilRoom(run, () => prepared.write());
    for (const [index, { path }] of saved.entries()) {
      if (index === 0 || !path.endsWith("best.ckpt")) this.lastPath = path;
    }
    return saved;
  }

  /** Do what writes, and where the disk is full what is wanted then, until it is done. */
  async #untilRoom<T>(run: FitRun, write: () => Promise<T>): Promise<T> {
    try {
      for (;;) {
        try {
          return await write();
        } catch (error) {
          if (!(error instanceof LtrainError) || error.code !== "disk.full") throw error;
          await this.#makeRoom(run, error);
        }
      }
    } finally {
      this.#isPaused = false;
    }
  }

  /** What is done about a full disk before the save is tried again; throws when there is nothing to do. */
  async #makeRoom(run: FitRun, error: LtrainError): Promise<void> {
    const { io, trainer, onDiskFull, pauseMs = 2000 } = this.#options;
    if (onDiskFull === "stop") throw error;
    if (onDiskFull === "prune") {
      const path = this.#spared(run);
      if (path === null) throw error;
      trainer.warn(`the disk is full (${error.message}): removing ${path}`);
      await io.remove(path);
      return;
    }
    if (trainer.shouldStop) throw error;
    this.#isPaused = true;
    trainer.warn(`the disk is full (${error.message}): training pauses until there is room`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }

  #spared({ callbacks }: FitRun): string | null {
    for (const callback of callbacks) {
      const path = callback.spareCheckpoint?.(this.#options.trainer) ?? null;
      if (path !== null) return path;
    }
    return null;
  }
}

/** A save by a CheckpointIO that knows of nothing but files. */
function plainSave(io: CheckpointIO, order: SaveOrder): PreparedSave {
  return {
    write: async () => {
      for (const { checkpoint, path } of order.files) await io.save(checkpoint, path);
      for (const path of order.retired) await io.remove(path);
      return order.files.map(({ path }) => ({ path, byteLength: 0, sha256: "" }));
    },
  };
}
