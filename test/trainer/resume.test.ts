import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { Callback } from "../../src/core/callback.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { PyDict } from "../../src/pickle/values.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import type { RunConfig } from "./tinyRun.js";
import {
  fixtureRows,
  inTemporaryFolder,
  Losses,
  QUIET,
  Rows,
  SaveAtEpochEnds,
  SaveAtSteps,
  ValidatedAutoEncoder,
  weightsOf,
} from "./tinyRun.js";

/** 10 rows in shuffled batches of 4: three steps an epoch, the last one smaller; Adam and StepLR. */
const CONFIG: RunConfig = {
  optimizer: "Adam",
  optimizer_args: { lr: 0.02 },
  scheduler: "StepLR",
  scheduler_args: { step_size: 1, gamma: 0.7 },
  epochs: 3,
  batch_size: 4,
  n_samples: 10,
  shuffle: true,
};
const STEPS_PER_EPOCH = 3;
const STEPS = CONFIG.epochs * STEPS_PER_EPOCH;

/** Ctrl-C in the batch that makes `step` steps, and a checkpoint of where that ended training. */
class Interrupt extends Callback {
  readonly #step: number;
  readonly #path: string;
  constructor(step: number, path: string) {
    super();
    this.#step = step;
    this.#path = path;
  }
  override onTrainBatchEnd(trainer: TrainerState): void {
    if (trainer.globalStep === this.#step && trainer instanceof Trainer) trainer.stop("SIGINT");
  }
  override async onTrainEnd(trainer: TrainerState): Promise<void> {
    await trainer.saveCheckpoint(this.#path);
  }
}

interface Ran {
  readonly losses: readonly number[];
  readonly weights: Record<string, number[]>;
  readonly metrics: Record<string, number>;
  readonly trainer: Trainer;
  readonly reason: string;
}

/** One run in a fresh world: another seed, so that nothing but the checkpoint can make two runs equal. */
async function run(
  seed: number,
  options: TrainerOptions,
  ckptPath: string | null = null,
  callbacks: Callback[] = [],
): Promise<Ran> {
  seedEverything(seed);
  const module = new ValidatedAutoEncoder(CONFIG);
  const losses = new Losses();
  const trainer = new Trainer({ ...QUIET, ...options, callbacks: [losses, ...callbacks], enableCheckpointing: null });
  const data = new Rows(fixtureRows(CONFIG.n_samples), { batchSize: CONFIG.batch_size, shuffle: true, validate: true });
  const { stopReason, callbackMetrics } = await trainer.fit(module, data, { ckptPath });
  return {
    losses: losses.losses,
    weights: await weightsOf(module),
    metrics: Object.fromEntries(callbackMetrics),
    trainer,
    reason: stopReason,
  };
}

const unbroken = (folder: string, callbacks: Callback[]): Promise<Ran> =>
  run(42, { maxEpochs: CONFIG.epochs, defaultRootDir: folder }, null, callbacks);

test("resumed at an epoch's end, a run ends with the unbroken run's weights, losses and metrics, bit for bit", async () => {
  await inTemporaryFolder(async (folder) => {
    const whole = await unbroken(folder, [new SaveAtEpochEnds(folder)]);
    for (const epoch of [0, 1]) {
      const options = { maxEpochs: CONFIG.epochs, defaultRootDir: folder };
      const rest = await run(7, options, join(folder, `epoch${epoch}.ckpt`), [new SaveAtEpochEnds(folder)]);
      expect(rest.losses).toEqual(whole.losses.slice((epoch + 1) * STEPS_PER_EPOCH));
      expect(rest.weights).toEqual(whole.weights);
      expect(rest.metrics).toEqual(whole.metrics);
    }
  });
});

test("resumed after any step, a run ends with the unbroken run's weights, losses and metrics, bit for bit", async () => {
  await inTemporaryFolder(async (folder) => {
    const steps = Array.from({ length: STEPS }, (_, i) => i + 1);
    const whole = await unbroken(folder, [new SaveAtSteps(folder, steps)]);
    for (const step of steps) {
      const options = { maxEpochs: CONFIG.epochs, defaultRootDir: folder };
      const rest = await run(step, options, join(folder, `step${step}.ckpt`), [new SaveAtSteps(folder, [])]);
      expect([step, rest.losses]).toEqual([step, whole.losses.slice(step)]);
      expect([step, rest.weights]).toEqual([step, whole.weights]);
      expect([step, rest.metrics]).toEqual([step, whole.metrics]);
      expect(rest.trainer.currentEpoch).toBe(CONFIG.epochs);
    }
  });
});

test("stopped by max_steps after any step and resumed, a run ends as the unbroken run does", async () => {
  await inTemporaryFolder(async (folder) => {
    const whole = await unbroken(folder, [new SaveAtEpochEnds(folder)]);
    for (let step = 1; step < STEPS; step += 1) {
      const half = join(folder, String(step));
      const first = await run(42, { maxSteps: step, defaultRootDir: half }, null, [new SaveAtEpochEnds(half)]);
      expect(first.reason).toBe(`max_steps=${step} reached`);
      const last = join(half, `epoch${Math.ceil(step / STEPS_PER_EPOCH) - 1}.ckpt`);
      const rest = await run(7, { maxEpochs: CONFIG.epochs, defaultRootDir: half }, last, [new SaveAtEpochEnds(half)]);
      expect([step, ...first.losses, ...rest.losses]).toEqual([step, ...whole.losses]);
      expect(rest.weights).toEqual(whole.weights);
      expect(rest.trainer.currentEpoch).toBe(CONFIG.epochs);
    }
  });
});

test("interrupted after any step and resumed, a run ends as the unbroken run does", async () => {
  await inTemporaryFolder(async (folder) => {
    const whole = await unbroken(folder, []);
    for (let step = 1; step < STEPS; step += 1) {
      const path = join(folder, `interrupted${step}.ckpt`);
      const options = { maxEpochs: CONFIG.epochs, defaultRootDir: folder };
      const first = await run(42, options, null, [new Interrupt(step, path)]);
      expect([first.reason, first.trainer.globalStep]).toEqual(["SIGINT", step]);
      const rest = await run(7, options, path, []);
      expect([step, ...first.losses, ...rest.losses]).toEqual([step, ...whole.losses]);
      expect([rest.weights, rest.metrics]).toEqual([whole.weights, whole.metrics]);
    }
  });
});

test("two checkpoints of the same moment, one of a resumed run, hold the same", async () => {
  await inTemporaryFolder(async (folder) => {
    const [straight, resumed] = [join(folder, "straight"), join(folder, "resumed")];
    await unbroken(folder, [new SaveAtSteps(straight, [4]), new SaveAtEpochEnds(straight)]);
    const options = { maxEpochs: CONFIG.epochs, defaultRootDir: folder };
    await run(7, options, join(straight, "step4.ckpt"), [new SaveAtEpochEnds(resumed)]);
    for (const name of ["epoch1.ckpt", "epoch2.ckpt"]) {
      expect(await plainOf(join(resumed, name))).toEqual(await plainOf(join(straight, name)));
    }
  });
});

test("a run whose limit the checkpoint has reached ends at once and says so", async () => {
  await inTemporaryFolder(async (folder) => {
    await unbroken(folder, [new SaveAtEpochEnds(folder)]);
    const rest = await run(7, { maxEpochs: CONFIG.epochs, defaultRootDir: folder }, join(folder, "epoch2.ckpt"), [
      new SaveAtEpochEnds(folder),
    ]);
    expect(rest.losses).toEqual([]);
    expect(rest.reason).toBe("max_epochs=3 reached");
    expect(rest.trainer.globalStep).toBe(STEPS);
  });
});

/** A checkpoint with its tensors as bytes, to compare. */
async function plainOf(path: string): Promise<unknown> {
  const { root, close } = await loadCheckpoint(path);
  const plain = async (value: unknown): Promise<unknown> => {
    if (value instanceof StoredTensor) return readTensor(value);
    if (value instanceof PyDict) {
      return Promise.all([...value].map(async ([key, item]) => [await plain(key), await plain(item)]));
    }
    return Array.isArray(value) ? Promise.all(value.map(plain)) : value;
  };
  try {
    return await plain(root);
  } finally {
    await close();
  }
}
