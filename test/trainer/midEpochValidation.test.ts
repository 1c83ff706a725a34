import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Callback } from "../../src/core/callback.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { QUIET, Rows, ValidatedAutoEncoder, fixtureRows, inTemporaryFolder, readRun, weightsOf } from "./tinyRun.js";

/** Writes a checkpoint at the end of every validation and of every batch. */
class SaveOften extends Callback {
  override readonly order = "last";
  readonly #folder: string;
  #count = 0;
  constructor(folder: string) {
    super();
    this.#folder = folder;
  }
  override async onValidationEnd(trainer: TrainerState): Promise<void> {
    await this.#save(trainer, "validation");
  }
  override async onTrainBatchEnd(trainer: TrainerState): Promise<void> {
    await this.#save(trainer, "batch");
  }
  async #save(trainer: TrainerState, moment: string): Promise<void> {
    this.#count += 1;
    await trainer.saveCheckpoint(join(this.#folder, `${String(this.#count).padStart(2, "0")}-${moment}.ckpt`));
  }
}

/** Validations as they come, with what they found. */
class Validations extends Callback {
  readonly seen: string[] = [];
  override onValidationEnd({ currentEpoch, batchIdx, callbackMetrics }: TrainerState): void {
    this.seen.push(`${currentEpoch} ${batchIdx} ${callbackMetrics.get("val_loss")?.toString() ?? ""}`);
  }
}

const OPTIONS: TrainerOptions = { ...QUIET, maxEpochs: 2, numSanityValSteps: 0, accumulateGradBatches: 2 };

async function fit(options: TrainerOptions, ckptPath: string | null): Promise<{ weights: unknown; seen: string[] }> {
  seedEverything(3);
  const module = new ValidatedAutoEncoder(readRun("mlp-adam-none").config);
  const validations = new Validations();
  const trainer = new Trainer({ ...options, callbacks: [validations, ...(options.callbacks ?? [])] });
  const data = new Rows(fixtureRows(20), { batchSize: 4, shuffle: true, validate: true });
  await trainer.fit(module, data, { ckptPath });
  return { weights: await weightsOf(module), seen: validations.seen };
}

test.each<[string, TrainerOptions]>([
  ["every 3 batches of an epoch of 5", { valCheckInterval: 3 }],
  ["every 3 batches across epochs", { valCheckInterval: 3, checkValEveryNEpoch: null }],
])("from every moment the run goes on to the same bits, and validates when it would have: %s", async (_, options) => {
  await inTemporaryFolder(async (folder) => {
    const all = { ...OPTIONS, ...options };
    const unbroken = await fit({ ...all, enableCheckpointing: null, callbacks: [new SaveOften(folder)] }, null);
    const files = readdirSync(folder).filter((name) => name.endsWith(".ckpt"));
    expect(files.filter((name) => name.includes("validation"))).toHaveLength(unbroken.seen.length);
    let validated = 0;
    for (const file of files.sort()) {
      if (file.includes("validation")) validated += 1;
      const { weights, seen } = await fit(all, join(folder, file));
      expect([file, seen]).toEqual([file, unbroken.seen.slice(validated)]);
      expect(weights).toEqual(unbroken.weights);
    }
  });
});
