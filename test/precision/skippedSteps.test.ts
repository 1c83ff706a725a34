import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { Callback } from "../../src/core/callback.js";
import type { LightningModule, OptimizerSetup } from "../../src/core/lightningModule.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { Adam } from "../../src/optim/adam.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import { StepLR } from "../../src/optim/schedules.js";
import { toPlain } from "../../src/pickle/convert.js";
import { GradScaler } from "../../src/precision/gradScaler.js";
import { float16Mixed } from "../../src/precision/mixedPrecision.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { SaveAtSteps, inTemporaryFolder } from "../trainer/tinyRun.js";
import { Mlp, ON_CPU, Rows } from "./autocastRuns.js";

/** The MLP with Adam and a scheduler that counts steps. */
class AdamMlp extends Mlp {
  #optimizer: Optimizer | null = null;

  constructor() {
    super({ bias: true });
  }

  get optimizer(): Optimizer {
    if (this.#optimizer === null) throw new Error("not configured yet");
    return this.#optimizer;
  }

  override configureOptimizers(): OptimizerSetup {
    const optimizer = new Adam(this.parameters(), { lr: 0.01 });
    this.#optimizer = optimizer;
    return {
      optimizer,
      lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }), interval: "step" },
    };
  }
}

interface Moment {
  readonly globalStep: number;
  readonly scale: number;
  readonly lr: number;
  /** Adam's counters, one per parameter that has been updated. */
  readonly steps: readonly number[];
  /** Every tensor of weights and of the optimizer's state, as bytes. */
  readonly bytes: string;
}

/** Notes after every batch what a step must have moved, or must not. */
class Moments extends Callback {
  readonly seen: Moment[] = [];
  readonly #scaler: GradScaler;

  constructor(scaler: GradScaler) {
    super();
    this.#scaler = scaler;
  }

  override async onTrainBatchEnd(trainer: TrainerState, module: LightningModule): Promise<void> {
    const read = trainer.executor.read.bind(trainer.executor);
    if (!(module instanceof AdamMlp)) throw new Error("another module");
    const state = await module.optimizer.stateDict(read);
    const parts: string[] = [];
    for (const variable of module.state().values()) parts.push(hex((await read(variable)).bytes));
    const steps: number[] = [];
    for (const entry of Object.values(toPlain(state.get("state") ?? null) as Record<string, Record<string, unknown>>)) {
      for (const [name, tensor] of Object.entries(entry)) {
        if (!(tensor instanceof StoredTensor)) continue;
        const { bytes } = await readTensor(tensor);
        if (name === "step") steps.push(new Float32Array(bytes.slice().buffer)[0] ?? Number.NaN);
        else parts.push(hex(bytes));
      }
    }
    const { scale } = this.#scaler;
    const lr = trainer.learningRates[0] ?? Number.NaN;
    this.seen.push({ globalStep: trainer.globalStep, scale, lr, steps, bytes: parts.join() });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function trainerOf(scaler: GradScaler, callbacks: Callback[], maxSteps: number): Trainer {
  return new Trainer({ ...ON_CPU, maxSteps, precision: float16Mixed(scaler), callbacks });
}

test("a step that overflows leaves weights, slots, the optimizer's counters and the scheduler; global_step counts it", async () => {
  const scaler = new GradScaler({ initScale: 2 ** 28, growthInterval: 2 });
  const moments = new Moments(scaler);
  await trainerOf(scaler, [moments, new SaveAtSteps("", [])], 16).fit(new AdamMlp(), new Rows());

  let taken = 0;
  let before: Moment | undefined;
  const { seen } = moments;
  for (const [i, moment] of seen.entries()) {
    const skipped = moment.scale < (before?.scale ?? 2 ** 28);
    taken += skipped ? 0 : 1;
    expect(moment.globalStep).toBe(i + 1);
    expect(moment.lr).toBe(0.01 * 0.5 ** taken);
    expect(moment.steps).toEqual(taken === 0 ? [] : new Array(6).fill(taken));
    if (before !== undefined && taken > 0) expect(moment.bytes === before.bytes).toBe(skipped);
    before = moment;
  }
  // The first steps overflow, the scale backs off, and grows into an overflow again.
  expect(taken).toBeGreaterThan(3);
  expect(seen.length - taken).toBeGreaterThan(3);
  expect(seen.at(0)?.steps).toEqual([]);
});

test("a run of 16-mixed that is resumed ends bit for bit where one that was not ends, overflows and all", async () => {
  await inTemporaryFolder(async (folder) => {
    const options = { initScale: 2 ** 24, growthInterval: 2 };
    const scaler = new GradScaler(options);
    const full = new Moments(scaler);
    await trainerOf(scaler, [full, new SaveAtSteps(folder, [8])], 16).fit(new AdamMlp(), new Rows());

    const { checkpoint, close } = await loadCheckpoint(join(folder, "step8.ckpt"));
    expect(checkpoint.precision?.key).toBe("MixedPrecision");
    await close();

    const fresh = new GradScaler(); // takes all its numbers from the file
    const rest = new Moments(fresh);
    const trainer = trainerOf(fresh, [rest, new SaveAtSteps("", [])], 16);
    await trainer.fit(new AdamMlp(), new Rows(), { ckptPath: join(folder, "step8.ckpt") });
    expect(rest.seen).toEqual(full.seen.slice(8));
    expect(toPlain(fresh.stateDict())).toEqual(toPlain(scaler.stateDict()));
  });
});
