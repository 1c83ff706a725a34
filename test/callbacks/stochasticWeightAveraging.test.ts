import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import {
  StochasticWeightAveraging,
  type StochasticWeightAveragingOptions,
} from "../../src/callbacks/stochasticWeightAveraging.js";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { Callback } from "../../src/core/callback.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { BatchNorm1d } from "../../src/nn/batchNorm.js";
import { Identity } from "../../src/nn/flatten.js";
import { Linear } from "../../src/nn/linear.js";
import { StepLR } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import { keyText, toPlain } from "../../src/pickle/convert.js";
import { PyDict, type PyValue } from "../../src/pickle/values.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { hostNumbers } from "../../src/tensor/cast.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { inTemporaryFolder, Rows } from "../trainer/tinyRun.js";

type Numbers = Readonly<Record<string, readonly number[]>>;
interface Case {
  readonly name: string;
  readonly args: Readonly<Record<string, never>>;
  readonly epochs: number;
  readonly scheduler?: boolean;
  readonly groups?: boolean;
  readonly norm?: boolean;
  readonly validate?: boolean;
  readonly losses: readonly number[];
  readonly rates: readonly (readonly number[])[];
  readonly files: readonly {
    readonly epoch: number;
    readonly global_step: number;
    readonly callback: { readonly scheduler_state: unknown; readonly average_model_state: Numbers };
    readonly state_dict: Numbers;
    readonly lr_schedulers: unknown;
    readonly param_groups: unknown;
  }[];
  readonly end: Numbers;
  readonly global_step: number;
  readonly current_epoch: number;
}
const truth = JSON.parse(
  readFileSync(new URL("../fixtures/callbacks/stochasticWeightAveraging.json", import.meta.url), "utf8"),
) as { readonly x: readonly (readonly number[])[]; readonly cases: readonly Case[] };

class Net extends LightningModule<readonly [Tensor]> {
  readonly norm: BatchNorm1d | Identity;
  readonly layer = new Linear(2, 1);
  readonly #case: Case;
  constructor(recorded: Case) {
    super();
    this.#case = recorded;
    this.norm = recorded.norm === true ? new BatchNorm1d(2) : new Identity();
    this.layer.weight.write(float32Tensor(Float32Array.of(0.5, 0.5), [1, 2]));
    this.layer.bias?.write(float32Tensor(Float32Array.of(-0.25), [1]));
  }
  trainingStep([x]: readonly [Tensor]): Tensor {
    const y = this.layer.forward(this.norm.forward(x));
    return tf.mean(tf.squaredDifference(y, tf.sum(x, 1, true)));
  }
  override validationStep([x]: readonly [Tensor]): void {
    this.log("val_loss", this.trainingStep([x]));
  }
  configureOptimizers(): OptimizerSetup {
    const { weight, bias } = this.layer;
    if (this.#case.groups === true && bias !== null) {
      const groups = [{ params: [weight] }, { params: [bias], lr: 0.1 }];
      return new SGD(groups, { lr: 0.05, momentum: 0.5 });
    }
    const optimizer = new SGD(this.parameters(), { lr: 0.05 });
    return this.#case.scheduler === true
      ? { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }) }
      : optimizer;
  }
}

class Notes extends Callback {
  readonly losses: number[] = [];
  readonly rates: number[][] = [];
  override wantsOutputs(): boolean {
    return true;
  }
  override onTrainBatchStart(trainer: TrainerState): void {
    this.rates.push([...trainer.learningRates]);
  }
  override onTrainBatchEnd(_trainer: TrainerState, _module: unknown, outputs: Readonly<Record<string, number>>): void {
    this.losses.push(outputs["loss"] ?? Number.NaN);
  }
}

function averagingOf({ args }: Case): StochasticWeightAveraging {
  const camel = Object.entries(args).map(([name, value]) => [
    name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    value as unknown,
  ]);
  return new StochasticWeightAveraging(Object.fromEntries(camel) as StochasticWeightAveragingOptions);
}

interface Trained {
  readonly module: Net;
  readonly notes: Notes;
  readonly trainer: Trainer;
  readonly warnings: readonly string[];
}

async function train(
  folder: string,
  recorded: Case,
  options: {
    engine?: "tfjs" | "onnxruntime";
    ckptPath?: string;
    callbacks?: readonly Callback[];
  } & TrainerOptions = {},
): Promise<Trained> {
  const { ckptPath = null, callbacks = [], ...others } = options;
  const notes = new Notes();
  const warnings: string[] = [];
  const saves = new ModelCheckpoint({ dirpath: folder, saveTopK: -1, filename: "{epoch}", saveOnTrainEpochEnd: true });
  const trainer = new Trainer({
    maxEpochs: recorded.epochs,
    callbacks: [averagingOf(recorded), notes, saves, ...callbacks],
    logger: false,
    numSanityValSteps: 0,
    defaultRootDir: folder,
    engine: "onnxruntime",
    onWarning: (message) => warnings.push(message),
    ...others,
  });
  const module = new Net(recorded);
  const rows = float32Tensor(Float32Array.from(truth.x.flat()), [6, 2]);
  await trainer.fit(module, new Rows(rows, { batchSize: 2, validate: recorded.validate === true }), { ckptPath });
  return { module, notes, trainer, warnings };
}

/** A value of a file as the fixture has it: tensors as lists of numbers. */
async function plain(value: PyValue): Promise<unknown> {
  if (value instanceof StoredTensor) return [...hostNumbers(await readTensor(value))];
  if (value instanceof PyDict) {
    const entries: [string, unknown][] = [];
    for (const [key, each] of value) entries.push([keyText(key), await plain(each)]);
    return Object.fromEntries(entries);
  }
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  return toPlain(value);
}

function expectClose(got: unknown, expected: unknown, path = ""): void {
  if (typeof expected === "number" && typeof got === "number") {
    const off = Math.abs(got - expected);
    if (!(off <= 1e-6 * Math.max(1, Math.abs(expected)))) throw new Error(`${path}: ${got}, Lightning has ${expected}`);
  } else if (typeof expected === "object" && expected !== null && typeof got === "object" && got !== null) {
    expect([path, Object.keys(got)]).toEqual([path, Object.keys(expected)]);
    for (const [key, each] of Object.entries(expected)) expectClose(Reflect.get(got, key), each, `${path}.${key}`);
  } else expect([path, got]).toEqual([path, expected]);
}

/** Lightning's last file, with what it does wrong put right: see the test of batch norms. */
async function expectFiles(folder: string, recorded: Case, epochs: readonly number[]): Promise<void> {
  for (const epoch of epochs) {
    const expected = recorded.files[epoch];
    const { checkpoint, close } = await loadCheckpoint(join(folder, `epoch=${epoch}.ckpt`));
    const state = checkpoint.callbacks?.get("StochasticWeightAveraging") ?? null;
    expectClose(await plain(state), expected?.callback, `epoch ${epoch} callback`);
    expect([checkpoint.epoch, checkpoint.globalStep]).toEqual([expected?.epoch, expected?.global_step]);
    const groups = checkpoint.optimizerStates?.[0]?.get("param_groups") ?? null;
    expectClose(await plain(groups), expected?.param_groups, `epoch ${epoch} param_groups`);
    expectClose(
      await plain([...(checkpoint.lrSchedulers ?? [])]),
      expected?.lr_schedulers,
      `epoch ${epoch} schedulers`,
    );
    const weights = await plain(new PyDict([...checkpoint.stateDict.tensors]));
    const isStale = recorded.norm === true && recorded.validate !== true && epoch === recorded.epochs;
    if (!isStale) expectClose(weights, expected?.state_dict, `epoch ${epoch} state_dict`);
    await close();
  }
}

async function stateOf(module: LightningModule): Promise<Numbers> {
  const state: Record<string, number[]> = {};
  for (const [name, variable] of module.state()) state[name] = [...hostNumbers(await variable.read())];
  return state;
}

const NORM = truth.cases.filter(({ norm }) => norm === true);
const named = (name: string): Case => {
  const found = truth.cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no case ${name}`);
  return found;
};

test.each(
  truth.cases.flatMap((each) => [["tfjs", each.name, each] as const, ["onnxruntime", each.name, each] as const]),
)("on %s, every step, every file and the weights at the end are Lightning's: %s", async (engine, _, recorded) => {
  await inTemporaryFolder(async (folder) => {
    const { module, notes, trainer } = await train(folder, recorded, { engine });
    expectClose(notes.rates, recorded.rates, "rates");
    expectClose(notes.losses, recorded.losses, "losses");
    await expectFiles(folder, recorded, [...recorded.files.keys()]);
    expect([trainer.globalStep, trainer.currentEpoch]).toEqual([recorded.global_step, recorded.current_epoch]);
    if (recorded.norm !== true || recorded.validate === true) expectClose(await stateOf(module), recorded.end, "end");
  });
});

test("where Lightning takes a last step with gradients that are left over, the average stays what it is", async () => {
  const [validated, alone] = [named("batch norm, validated"), named("batch norm")];
  // Lightning's two runs differ in nothing but that validation clears the gradients, and so do their files until then.
  expect(alone.files.slice(0, -1)).toEqual(validated.files.slice(0, -1));
  expect(alone.end).not.toEqual(validated.end);
  await inTemporaryFolder(async (folder) => {
    const { module } = await train(folder, alone);
    expectClose(await stateOf(module), validated.end, "end");
    if (module.norm instanceof BatchNorm1d) expect(module.norm.momentum).toBe(0.1);
  });
  expect(NORM).toHaveLength(2);
});

test.each(truth.cases.flatMap((each) => each.files.slice(0, -1).map((_, epoch) => [each.name, epoch, each] as const)))(
  "gone on with, it is the same run: %s after epoch %i",
  async (_, epoch, recorded) => {
    await inTemporaryFolder(async (folder) => {
      await train(folder, recorded);
      const done = (epoch + 1) * 3;
      const { module, notes, warnings } = await train(join(folder, "again"), recorded, {
        ckptPath: join(folder, `epoch=${epoch}.ckpt`),
      });
      expectClose(notes.losses, recorded.losses.slice(done), "losses");
      expectClose(notes.rates, recorded.rates.slice(done), "rates");
      const later = [...recorded.files.keys()].slice(epoch + 1);
      await expectFiles(join(folder, "again"), recorded, later);
      if (recorded.norm !== true || recorded.validate === true) expectClose(await stateOf(module), recorded.end, "end");
      expect(warnings.filter((warning) => warning.includes("without it"))).toEqual([]);
    });
  },
);

/** Saves after the batch of that number over all epochs, from 1. */
class SaveAtBatch extends Callback {
  override readonly order = "last";
  readonly #path: string;
  readonly #batch: number;
  #seen = 0;
  constructor(path: string, batch: number) {
    super();
    this.#path = path;
    this.#batch = batch;
  }
  override async onTrainBatchEnd(trainer: TrainerState): Promise<void> {
    this.#seen += 1;
    if (this.#seen === this.#batch) await trainer.saveCheckpoint(this.#path);
  }
}

test.each([
  ["plain", 8],
  ["linear, over a StepLR", 11],
  ["batch norm, validated", 10],
  ["batch norm, validated", 14], // inside the epoch of the batch norms
] as const)("gone on with inside an epoch, it is the same run: %s after batch %i", async (name, batch) => {
  const recorded = named(name);
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "middle.ckpt");
    await train(folder, recorded, { callbacks: [new SaveAtBatch(path, batch)] });
    const { module, notes } = await train(join(folder, "again"), recorded, { ckptPath: path });
    expectClose(notes.losses, recorded.losses.slice(batch), "losses");
    expectClose(notes.rates, recorded.rates.slice(batch), "rates");
    expectClose(await stateOf(module), recorded.end, "end");
  });
});

test("what cannot be averaged is refused before training", async () => {
  const [recorded] = truth.cases;
  if (recorded === undefined) throw new Error("no case");
  await inTemporaryFolder(async (folder) => {
    const args = { ...recorded.args, swa_epoch_start: 0.5 } as unknown as Case["args"];
    await expect(train(folder, { ...recorded, args }, { maxEpochs: -1, maxSteps: 3 })).rejects.toThrow(
      "StochasticWeightAveraging: swa_epoch_start must be an epoch where there are no max_epochs to take a part of",
    );
  });
  expect(() => new StochasticWeightAveraging({ swaLrs: 0 })).toThrow("swa_lrs must be a positive number");
  expect(() => new StochasticWeightAveraging({ swaLrs: 0.1, swaEpochStart: 1.5 })).toThrow("swa_epoch_start must be");
});
