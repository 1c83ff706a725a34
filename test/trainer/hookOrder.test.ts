import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Callback } from "../../src/core/callback.js";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import type { EngineName } from "../../src/engine/executor.js";
import { LtrainError } from "../../src/errors.js";
import { Linear } from "../../src/nn/linear.js";
import { StepLR } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import { PyDict } from "../../src/pickle/values.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { inTemporaryFolder } from "./tinyRun.js";

/** What fixtures/make-hooks.py recorded of real Lightning. */
const LIGHTNING = JSON.parse(
  readFileSync(fileURLToPath(new URL("../fixtures/lightning-hooks.json", import.meta.url)), "utf8"),
) as Record<"fresh" | "resumed" | "failed", string[]>;

/** The recorded hooks of one owner. */
const hooksOf = (owner: string): string[] => {
  const calls = [...LIGHTNING.fresh, ...LIGHTNING.resumed, ...LIGHTNING.failed];
  return [...new Set(calls.filter((call) => call.startsWith(`${owner}.`)).map((call) => call.slice(owner.length + 1)))];
};

/** Let every recorded hook of `object` be noted before it does what it does. */
function record<T extends object>(owner: string, object: T, calls: string[]): T {
  for (const hook of hooksOf(owner)) {
    const original = (object as Record<string, unknown>)[hook] as ((...args: unknown[]) => unknown) | undefined;
    const value = function (this: unknown, ...args: unknown[]): unknown {
      calls.push(`${owner}.${hook}`);
      return original?.apply(object, args);
    };
    Object.defineProperty(object, hook, { value, enumerable: false });
  }
  return object;
}

class Plain extends Callback {
  override stateDict(): PyDict {
    return PyDict.from({ seen: 1 });
  }
}

class Saving extends Callback {
  override readonly order = "last";
  readonly #folder: string;
  constructor(folder: string) {
    super();
    this.#folder = folder;
  }
  override async onTrainEpochEnd(trainer: TrainerState): Promise<void> {
    await trainer.saveCheckpoint(join(this.#folder, `epoch${trainer.currentEpoch}.ckpt`));
  }
  override stateDict(): PyDict {
    return PyDict.from({ saved: 1 });
  }
}

class OneLayer extends LightningModule<readonly [Tensor]> {
  readonly layer = new Linear(2, 1);
  readonly #fails: boolean;
  constructor(fails: boolean) {
    super();
    this.#fails = fails;
  }
  trainingStep([batch]: readonly [Tensor], batchIdx: number): Tensor {
    if (this.#fails && batchIdx === 1) throw new Error("as planned");
    return tf.mean(tf.square(this.layer.forward(batch)));
  }
  override validationStep([batch]: readonly [Tensor]): void {
    this.log("val_loss", tf.mean(tf.square(this.layer.forward(batch))));
  }
  configureOptimizers(): OptimizerSetup {
    const optimizer = new SGD(this.parameters(), { lr: 0.1 });
    return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1 }) };
  }
}

const rows = (): DataLoader => new DataLoader(new TensorDataset(float32Tensor(Float32Array.of(1, 1, 1, 1), [2, 2])));

class TwoRows extends LightningDataModule {
  trainDataloader(): DataLoader {
    return rows();
  }
  override valDataloader(): DataLoader {
    return rows();
  }
}

interface Options {
  readonly ckptPath?: string;
  readonly fails?: boolean;
  readonly engine?: EngineName;
}

/** On tfjs unless asked otherwise: there the steps are called for every batch, as in Lightning. */
async function fit(folder: string, options: Options): Promise<string[]> {
  const calls: string[] = [];
  const trainer = new Trainer({
    maxEpochs: options.fails === true ? 1 : 2,
    logger: false,
    engine: options.engine ?? "tfjs",
    numSanityValSteps: 1,
    defaultRootDir: folder,
    callbacks: [record("checkpoint", new Saving(folder), calls), record("callback", new Plain(), calls)],
  });
  const module = record("module", new OneLayer(options.fails ?? false), calls);
  const data = record("data", new TwoRows(), calls);
  await trainer.fit(module, data, { ckptPath: options.ckptPath ?? null }).catch((error: unknown) => {
    expect(error).toBeInstanceOf(LtrainError);
    expect((error as LtrainError).message).toContain("as planned");
  });
  return calls;
}

test("hooks are called in Lightning's order, checkpointing callbacks last", async () => {
  await inTemporaryFolder(async (folder) => {
    expect(await fit(folder, {})).toEqual(LIGHTNING.fresh);
  });
});

test("on onnxruntime they are too; trainingStep and validationStep are called when they are captured", async () => {
  const isStep = (call: string): boolean => /^module\.(training|validation)Step$/.test(call);
  await inTemporaryFolder(async (folder) => {
    const calls = await fit(folder, { engine: "onnxruntime" });
    expect(calls.filter((call) => !isStep(call))).toEqual(LIGHTNING.fresh.filter((call) => !isStep(call)));
    // Once to be recorded, once to see whether it comes out the same.
    const steps = ["module.validationStep", "module.validationStep", "module.trainingStep", "module.trainingStep"];
    expect(calls.filter(isStep)).toEqual(steps);
  });
});

test("in a resume they are too, except that callbacks take their state when all of the checkpoint was found to fit", async () => {
  await inTemporaryFolder(async (folder) => {
    await fit(folder, {});
    const setup = "module.configureOptimizers";
    const checkedFirst = LIGHTNING.resumed.filter((call) => call !== setup);
    checkedFirst.splice(checkedFirst.indexOf("module.onLoadCheckpoint") + 1, 0, setup);
    expect(await fit(folder, { ckptPath: join(folder, "epoch0.ckpt") })).toEqual(checkedFirst);
  });
});

test("when a step fails, callbacks hear of it as in Lightning", async () => {
  await inTemporaryFolder(async (folder) => {
    expect(await fit(folder, { fails: true })).toEqual(LIGHTNING.failed);
  });
});
