import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BackboneFinetuning, type BackboneFinetuningOptions } from "../../src/callbacks/backboneFinetuning.js";
import { BaseFinetuning } from "../../src/callbacks/baseFinetuning.js";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import { loadCheckpoint, torchCheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import { Callback } from "../../src/core/callback.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import type { TrainerState } from "../../src/core/trainerState.js";
import { BatchNorm1d } from "../../src/nn/batchNorm.js";
import { Tanh } from "../../src/nn/activation.js";
import { Sequential } from "../../src/nn/container.js";
import { Linear } from "../../src/nn/linear.js";
import { StepLR } from "../../src/optim/schedules.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
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
import { optimizerOf } from "../optim/build.js";
import { inTemporaryFolder, Rows } from "../trainer/tinyRun.js";

type Numbers = Readonly<Record<string, readonly number[]>>;
interface Case {
  readonly name: string;
  readonly own?: boolean;
  readonly all?: boolean;
  readonly args: Readonly<Record<string, unknown>>;
  readonly factor?: number;
  readonly epochs: number;
  readonly optimizer: string;
  readonly optimizer_args: Readonly<Record<string, number>>;
  readonly scheduler?: string;
  readonly losses: readonly number[];
  readonly rates: readonly (readonly number[])[];
  readonly files: readonly { readonly callback: unknown; readonly optimizer: unknown; readonly state_dict: Numbers }[];
  readonly end: Numbers;
  readonly again: { readonly losses: readonly number[]; readonly end: Numbers };
}
const truth = JSON.parse(readFileSync(new URL("../fixtures/callbacks/finetuning.json", import.meta.url), "utf8")) as {
  readonly x: readonly (readonly number[])[];
  readonly weights: Readonly<Record<string, readonly (number | readonly number[])[]>>;
  readonly cases: readonly Case[];
};

class Net extends LightningModule<readonly [Tensor]> {
  readonly backbone: Sequential;
  readonly parts = { linear: new Linear(2, 3), norm: new BatchNorm1d(3), last: new Linear(3, 2) };
  readonly head = new Linear(2, 1);
  readonly #case: Case;
  constructor(recorded: Case) {
    super();
    this.#case = recorded;
    this.backbone = new Sequential(this.parts.linear, new Tanh(), this.parts.norm, this.parts.last);
    for (const [name, values] of Object.entries(truth.weights)) {
      const variable = this.state().get(name);
      if (variable === undefined) throw new Error(`there is no ${name}`);
      variable.write(float32Tensor(Float32Array.from(values.flat()), variable.shape));
    }
  }
  trainingStep([x]: readonly [Tensor]): Tensor {
    const y = this.head.forward(tf.tanh(this.backbone.forward(x)));
    return tf.mean(tf.squaredDifference(y, tf.sum(x, 1, true)));
  }
  configureOptimizers(): OptimizerSetup {
    const params = this.#case.all === true ? this.parameters() : this.head.parameters();
    const optimizer = optimizerOf(this.#case.optimizer, params, this.#case.optimizer_args);
    if (this.#case.scheduler === undefined) return optimizer;
    return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }) };
  }
}

function partsOf(module: LightningModule): Net["parts"] {
  if (module instanceof Net) return module.parts;
  throw new Error("another module");
}

class Milestones extends BaseFinetuning {
  override freezeBeforeTraining(module: LightningModule): void {
    const { linear, norm, last } = partsOf(module);
    BaseFinetuning.freeze([linear, norm, last], { trainBn: false });
  }
  override finetuneFunction(module: LightningModule, epoch: number, optimizer: Optimizer): void {
    const { linear, norm, last } = partsOf(module);
    if (epoch === 1) BaseFinetuning.unfreezeAndAddParamGroup(last, optimizer, { lr: 0.02 });
    if (epoch === 2) BaseFinetuning.unfreezeAndAddParamGroup([linear, norm], optimizer, { initialDenomLr: 5 });
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

function finetuningOf({ own, args, factor }: Case): BaseFinetuning {
  if (own === true) return new Milestones();
  const camel = Object.entries(args).map(([name, value]) => [
    name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  const options = Object.fromEntries(camel) as BackboneFinetuningOptions;
  return new BackboneFinetuning({ ...options, ...(factor !== undefined && { lambdaFunc: () => factor }) });
}

async function train(
  folder: string,
  recorded: Case,
  options: TrainerOptions & { readonly ckptPath?: string } = {},
): Promise<{ module: Net; notes: Notes; warnings: string[] }> {
  const { ckptPath = null, callbacks = [], ...others } = options;
  const notes = new Notes();
  const warnings: string[] = [];
  const saves = new ModelCheckpoint({ dirpath: folder, saveTopK: -1, filename: "{epoch}", saveOnTrainEpochEnd: true });
  const trainer = new Trainer({
    maxEpochs: recorded.epochs,
    callbacks: [finetuningOf(recorded), notes, saves, ...callbacks],
    logger: false,
    defaultRootDir: folder,
    engine: "onnxruntime",
    onWarning: (message) => warnings.push(message),
    ...others,
  });
  const module = new Net(recorded);
  await trainer.fit(module, new Rows(float32Tensor(Float32Array.from(truth.x.flat()), [6, 2]), { batchSize: 3 }), {
    ckptPath,
  });
  return { module, notes, warnings };
}

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
    if (!(off <= 2e-6 * Math.max(1, Math.abs(expected)))) throw new Error(`${path}: ${got}, Lightning has ${expected}`);
  } else if (typeof expected === "object" && expected !== null && typeof got === "object" && got !== null) {
    expect([path, Object.keys(got)]).toEqual([path, Object.keys(expected)]);
    for (const [key, each] of Object.entries(expected)) expectClose(Reflect.get(got, key), each, `${path}.${key}`);
  } else expect([path, got]).toEqual([path, expected]);
}

async function expectFiles(folder: string, recorded: Case, epochs: readonly number[]): Promise<void> {
  for (const epoch of epochs) {
    const expected = recorded.files[epoch];
    const { checkpoint, close } = await loadCheckpoint(join(folder, `epoch=${epoch}.ckpt`));
    const key = recorded.own === true ? "Milestones" : "BackboneFinetuning";
    expectClose(await plain(checkpoint.callbacks?.get(key) ?? null), expected?.callback, `epoch ${epoch} callback`);
    expect(checkpoint.callbacks?.get(key)).toBeInstanceOf(PyDict);
    expectClose(await plain(checkpoint.optimizerStates?.[0] ?? null), expected?.optimizer, `epoch ${epoch} optimizer`);
    const weights = new Map(
      await Promise.all([...checkpoint.stateDict.tensors].map(async ([n, t]) => [n, await plain(t)] as const)),
    );
    for (const [name, values] of Object.entries(expected?.state_dict ?? {})) {
      expectClose(weights.get(name), values, `epoch ${epoch} ${name}`);
    }
    await close();
  }
}

async function expectEnd(module: Net, end: Numbers): Promise<void> {
  const state = module.state();
  for (const [name, values] of Object.entries(end)) {
    const variable = state.get(name);
    expectClose(variable === undefined ? null : [...hostNumbers(await variable.read())], values, `end ${name}`);
  }
}

test.each(
  truth.cases.flatMap((each) => [["tfjs", each.name, each] as const, ["onnxruntime", each.name, each] as const]),
)("on %s, every step, every file and the weights at the end are Lightning's: %s", async (engine, _, recorded) => {
  await inTemporaryFolder(async (folder) => {
    const { module, notes, warnings } = await train(folder, recorded, { engine });
    expectClose(notes.rates, recorded.rates, "rates");
    expectClose(notes.losses, recorded.losses, "losses");
    await expectFiles(folder, recorded, [...recorded.files.keys()]);
    await expectEnd(module, recorded.end);
    const told = warnings.filter((warning) => warning.includes("are in the optimizer already"));
    expect(told).toHaveLength(recorded.all === true ? 1 : 0);
  });
});

test.each(truth.cases.flatMap((each) => each.files.slice(0, -1).map((_, epoch) => [each.name, epoch, each] as const)))(
  "gone on with, it is the same run, which Lightning's own is not: %s after epoch %i",
  async (_, epoch, recorded) => {
    await inTemporaryFolder(async (folder) => {
      await train(folder, recorded);
      const path = join(folder, `epoch=${epoch}.ckpt`);
      for (const file of [path, await withoutOurEntry(path, join(folder, "theirs.ckpt"))]) {
        const again = join(folder, `again-${file.length}`);
        const { module, notes } = await train(again, recorded, { ckptPath: file });
        expectClose(notes.losses, recorded.losses.slice((epoch + 1) * 2), "losses");
        expectClose(notes.rates, recorded.rates.slice((epoch + 1) * 2), "rates");
        await expectFiles(again, recorded, [...recorded.files.keys()].slice(epoch + 1));
        await expectEnd(module, recorded.end);
      }
      // Lightning trains the head alone from here on, and says nothing.
      expect(recorded.again.losses).not.toEqual(recorded.losses.slice(-2));
    });
  },
);

/** The file as Lightning would have written it. */
async function withoutOurEntry(path: string, to: string): Promise<string> {
  const io = torchCheckpointIO();
  const { checkpoint, close } = await io.load(path);
  checkpoint.ltrain = null;
  await io.save(checkpoint, to);
  await close();
  return to;
}

test("a frozen batch norm's statistics stand still; a module without backbone is refused", async () => {
  const [recorded] = truth.cases.filter(({ own }) => own === true);
  if (recorded === undefined) throw new Error("no case");
  await inTemporaryFolder(async (folder) => {
    const { module } = await train(folder, recorded, { maxEpochs: 2 });
    expect([...hostNumbers((await module.parts.norm.running_mean?.read()) ?? fail())]).toEqual([0, 0, 0]);
    class Bare extends Net {
      override readonly backbone = null as unknown as Sequential;
    }
    const trainer = new Trainer({ callbacks: [new BackboneFinetuning()], logger: false, enableCheckpointing: false });
    const rows = new Rows(float32Tensor(Float32Array.from(truth.x.flat()), [6, 2]), { batchSize: 3 });
    await expect(trainer.fit(new Bare(recorded), rows)).rejects.toThrow("Bare has no module called backbone");
  });
});

function fail(): never {
  throw new Error("there is nothing");
}
