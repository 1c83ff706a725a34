import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Checkpoint } from "../../src/checkpoint/checkpoint.js";
import type { CheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import { Callback } from "../../src/core/callback.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { toPlain } from "../../src/pickle/convert.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { QUIET, Rows, ValidatedAutoEncoder, fixtureRows, readRun } from "../trainer/tinyRun.js";

interface Position {
  readonly epoch: number;
  readonly global_step: number;
  readonly loops: unknown;
}

/** What fixtures/make-hooks.py recorded of real Lightning: 5 train batches, 2 validation batches, StepLR per epoch. */
const LIGHTNING = JSON.parse(
  readFileSync(fileURLToPath(new URL("../fixtures/lightning-loops.json", import.meta.url)), "utf8"),
) as Record<string, Position>;

/** Keeps what is saved, under the name it is saved by. */
class Kept implements CheckpointIO {
  readonly positions: Record<string, Position> = {};
  load(): never {
    throw new Error("nothing is loaded here");
  }
  save({ epoch, globalStep, loops }: Checkpoint, name: string): Promise<void> {
    this.positions[name] = { epoch, global_step: globalStep, loops: toPlain(loops) };
    return Promise.resolve();
  }
  remove(): Promise<void> {
    return Promise.resolve();
  }
}

/** Saves at every moment at which make-hooks.py looked. */
class SaveEverywhere extends Callback {
  override readonly order = "last";
  #note(trainer: TrainerState, moment: string): Promise<void> {
    return trainer.saveCheckpoint(`${moment} epoch=${trainer.currentEpoch} step=${trainer.globalStep}`);
  }
  override onTrainStart = (trainer: TrainerState): Promise<void> => this.#note(trainer, "onTrainStart");
  override onTrainEpochStart = (trainer: TrainerState): Promise<void> => this.#note(trainer, "onTrainEpochStart");
  override onTrainBatchStart = (trainer: TrainerState): Promise<void> => this.#note(trainer, "onTrainBatchStart");
  override onTrainBatchEnd = (trainer: TrainerState): Promise<void> => this.#note(trainer, "onTrainBatchEnd");
  override onTrainEpochEnd = (trainer: TrainerState): Promise<void> => this.#note(trainer, "onTrainEpochEnd");
  override async onValidationEnd(trainer: TrainerState): Promise<void> {
    if (trainer.stage !== "sanityCheck") await this.#note(trainer, "onValidationEnd");
  }
}

test("at every moment, loops, epoch and global_step are those that Lightning would write", async () => {
  const kept = new Kept();
  const trainer = new Trainer({
    ...QUIET,
    maxEpochs: 2,
    limitValBatches: 2,
    enableCheckpointing: null,
    checkpointIO: kept,
    callbacks: [new SaveEverywhere()],
  });
  const module = new ValidatedAutoEncoder(readRun("mlp-sgd-nesterov-steplr").config);
  await trainer.fit(module, new Rows(fixtureRows(20), { batchSize: 4, validate: true }));
  await trainer.saveCheckpoint("afterFit epoch=2 step=10");

  expect(Object.keys(kept.positions)).toEqual(Object.keys(LIGHTNING));
  expect(kept.positions).toEqual(LIGHTNING);
  // The order of the keys is Lightning's too.
  expect(JSON.stringify(kept.positions)).toBe(JSON.stringify(LIGHTNING));
});
