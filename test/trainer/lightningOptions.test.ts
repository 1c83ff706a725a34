import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Batch } from "../../src/data/batch.js";
import { EarlyStopping } from "../../src/callbacks/earlyStopping.js";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import { Callback } from "../../src/core/callback.js";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { DataLoader } from "../../src/data/dataLoader.js";
import { TensorDataset } from "../../src/data/dataset.js";
import type { FitLoop } from "../../src/loops/fitLoop.js";
import { dumpLoops } from "../../src/loops/loopsState.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import { toPlain } from "../../src/pickle/convert.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { inTemporaryFolder } from "./tinyRun.js";

type Position = readonly [moment: string, epoch: number, step: number, fitLoop: unknown];

interface Run {
  readonly args: Readonly<Record<string, number | null>>;
  readonly shuffle: boolean;
  readonly stop_at: number | null;
  readonly calls: readonly string[];
  readonly seen: readonly number[];
  readonly files: readonly string[];
  readonly positions?: readonly Position[];
  readonly early_stopping?: readonly [waitCount: number, stoppedEpoch: number, bestScore: number];
}

/** What fixtures/trainer/make.py recorded of real Lightning. */
const LIGHTNING = JSON.parse(
  readFileSync(fileURLToPath(new URL("../fixtures/trainer/options.json", import.meta.url)), "utf8"),
) as Readonly<Record<string, Run>>;

const SCORES = [5.0, 4.0, 4.5, 3.0, 3.5, 2.0, 2.5, 2.25, 1.0, 1.5, 0.5, 0.75];

class OneLine extends LightningModule<readonly [Tensor]> {
  readonly layer = new Linear(1, 1);
  #validations = 0;
  trainingStep([x]: readonly [Tensor]): Tensor {
    return tf.mean(tf.square(this.layer.forward(x)));
  }
  override validationStep([x]: readonly [Tensor]): void {
    this.layer.forward(x);
    this.log("unused", 0); // a step that gives nothing cannot be captured
  }
  override onValidationEpochEnd(): void {
    if (this.trainer?.stage === "sanityCheck") return;
    this.log("val_loss", SCORES[this.#validations % SCORES.length] ?? 0);
    this.#validations += 1;
  }
  configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.001 });
  }
}

class Five extends LightningDataModule {
  readonly seen: number[] = [];
  readonly #calls: string[];
  readonly #shuffle: boolean;
  constructor(calls: string[], shuffle: boolean) {
    super();
    this.#calls = calls;
    this.#shuffle = shuffle;
  }
  trainDataloader(): DataLoader {
    this.#calls.push("trainDataloader");
    const rows = new TensorDataset(float32Tensor(Float32Array.of(0, 1, 2, 3, 4), [5, 1]));
    const { seen } = this;
    const getBatch = (indices: readonly number[] | Int32Array): Batch => {
      seen.push(...indices);
      return rows.getBatch(indices);
    };
    return new DataLoader({ length: 5, getBatch }, { shuffle: this.#shuffle });
  }
  override valDataloader(): DataLoader {
    this.#calls.push("valDataloader");
    return new DataLoader(new TensorDataset(float32Tensor(Float32Array.of(1, 1), [2, 1])));
  }
}

/** Notes hooks and positions as make.py does. */
class Watching extends Callback {
  readonly positions: Position[] = [];
  readonly #calls: string[];
  readonly #stopAt: number | null;
  readonly #seen: number[];
  #batches = 0;
  constructor(calls: string[], seen: number[], stopAt: number | null) {
    super();
    this.#calls = calls;
    this.#seen = seen;
    this.#stopAt = stopAt;
  }
  /** What is looked at before is looked at to know the data again. */
  override onTrainStart(): void {
    this.#seen.length = 0;
  }
  note(trainer: TrainerState, moment: string): void {
    this.#calls.push(moment);
    const loops = toPlain(dumpLoops(trainer.fitLoop as FitLoop)) as { fit_loop: unknown };
    this.positions.push([moment, trainer.currentEpoch, trainer.globalStep, loops.fit_loop]);
  }
  override onSanityCheckStart(): void {
    this.#calls.push("onSanityCheckStart");
  }
  override onTrainEpochStart(): void {
    this.#calls.push("onTrainEpochStart");
  }
  override onTrainBatchStart(): void {
    this.#calls.push("onTrainBatchStart");
  }
  override onTrainBatchEnd(trainer: TrainerState): void {
    this.#batches += 1;
    if (this.#batches === this.#stopAt) trainer.shouldStop = true;
    this.note(trainer, "onTrainBatchEnd");
  }
  override onValidationStart(): void {
    this.#calls.push("onValidationStart");
  }
  override onValidationBatchEnd(): void {
    this.#calls.push("onValidationBatchEnd");
  }
  override onValidationEnd(trainer: TrainerState): void {
    if (trainer.stage === "sanityCheck") this.#calls.push("onValidationEnd");
    else this.note(trainer, "onValidationEnd");
  }
  override onTrainEpochEnd(trainer: TrainerState): void {
    this.note(trainer, "onTrainEpochEnd");
  }
}

function camel(args: Run["args"]): TrainerOptions {
  const names = Object.entries(args).map(([name, value]) => [
    name.replace(/_(.)/g, (_, c: string) => c.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(names) as TrainerOptions;
}

interface Fitted {
  readonly calls: readonly string[];
  readonly seen: readonly number[];
  readonly positions: readonly Position[];
  readonly files: readonly string[];
}

async function fit(run: Run, callbacks: (folder: string) => readonly Callback[] = () => []): Promise<Fitted> {
  return inTemporaryFolder(async (folder) => {
    const calls: string[] = [];
    const module = new OneLine();
    const data = new Five(calls, run.shuffle);
    const watching = new Watching(calls, data.seen, run.stop_at);
    seedEverything(7);
    const given = callbacks(folder);
    const trainer = new Trainer({
      maxEpochs: 2,
      numSanityValSteps: 0,
      ...camel(run.args),
      logger: false,
      enableCheckpointing: given.some((each) => each instanceof ModelCheckpoint),
      defaultRootDir: folder,
      callbacks: [watching, ...given],
    });
    await trainer.fit(module, data);
    watching.note(trainer, "afterFit");
    const files = readdirSync(folder).filter((name) => name.endsWith(".ckpt"));
    return { calls, seen: data.seen, positions: watching.positions, files: files.sort() };
  });
}

/** Lightning asks for validation data when the first epoch with a validation comes; here it is known from the start. */
const withoutLoaders = (calls: readonly string[]): string[] => calls.filter((call) => !call.endsWith("Dataloader"));

const named = (has: (run: Run, name: string) => boolean): string[] =>
  Object.entries(LIGHTNING).flatMap(([name, run]) => (has(run, name) ? [name] : []));
const recorded = (name: string): Run => {
  const run = LIGHTNING[name];
  if (run === undefined) throw new Error(`nothing was recorded as ${name}`);
  return run;
};

test.each(named((run) => run.positions !== undefined))(
  "hooks come in Lightning's order, and counters are Lightning's at every one: %s",
  async (name) => {
    const run = recorded(name);
    const { calls, seen, positions } = await fit(run);
    expect(seen).toEqual(run.seen);
    expect(withoutLoaders(calls)).toEqual(withoutLoaders(run.calls));
    expect(positions).toEqual(run.positions);
  },
);

test.each(named((_, name) => /^(reloaded|overfit what)/.test(name)))(
  "loaders are asked for when Lightning asks, and give what they give there: %s",
  async (name) => {
    const run = recorded(name);
    const { calls, seen } = await fit(run);
    expect(seen).toEqual(run.seen);
    expect(calls).toEqual(run.calls);
  },
);

/** The arguments that make.py gave its ModelCheckpoints. */
const CHECKPOINTS: Readonly<Record<string, ConstructorParameters<typeof ModelCheckpoint>[0]>> = {
  "top 2 every 2 batches": { monitor: "val_loss", saveTopK: 2 },
  "all at epoch ends": { monitor: "val_loss", saveTopK: -1 },
  "newest every half": { saveLast: true },
  "across epochs": { monitor: "val_loss", saveTopK: -1, filename: "{step}-{val_loss:.2f}" },
  "every 2 steps": { everyNTrainSteps: 2, saveTopK: -1 },
  "every 4 steps in windows of 2": { everyNTrainSteps: 4, saveTopK: -1 },
  "every step by time": { trainTimeInterval: "0:00:00", saveTopK: -1 },
  "no counter": { filename: "one", enableVersionCounter: false },
  counter: { filename: "one", monitor: "val_loss", saveTopK: -1 },
  "at training's ends": { monitor: "val_loss", saveTopK: -1, saveOnTrainEpochEnd: true },
  "last alone": { saveTopK: 0, saveLast: true },
  "every second epoch": { everyNEpochs: 2, saveTopK: -1 },
};

test.each(Object.entries(CHECKPOINTS))(
  "a ModelCheckpoint saves the files it saves in Lightning: %s",
  async (name, args) => {
    const run = recorded(`checkpoint: ${name}`);
    const { files } = await fit(run, (dirpath) => [new ModelCheckpoint({ dirpath, ...args })]);
    expect(files).toEqual(run.files);
  },
);

test.each(named((run) => run.early_stopping !== undefined))(
  "EarlyStopping looks when it looks in Lightning: %s",
  async (name) => {
    const run = recorded(name);
    const stopping = new EarlyStopping({ monitor: "val_loss", patience: 1 });
    const { seen } = await fit(run, () => [stopping]);
    expect(seen).toEqual(run.seen);
    expect([stopping.waitCount, stopping.stoppedEpoch, stopping.bestScore]).toEqual(run.early_stopping);
  },
);
