import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EMAWeightAveraging } from "../../src/callbacks/emaWeightAveraging.js";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import { WeightAveraging } from "../../src/callbacks/weightAveraging.js";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import type { LightningModule } from "../../src/core/lightningModule.js";
import { LightningModule as Base } from "../../src/core/lightningModule.js";
import { BatchNorm1d } from "../../src/nn/batchNorm.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import { toPlain } from "../../src/pickle/convert.js";
import { PyDict } from "../../src/pickle/values.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { hostNumbers } from "../../src/tensor/cast.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { inTemporaryFolder, Rows } from "../trainer/tinyRun.js";

type Numbers = readonly (readonly [string, readonly number[]])[];
interface Case {
  readonly class: "WeightAveraging" | "EMAWeightAveraging";
  readonly args: Record<string, never>;
  readonly files: readonly {
    readonly callback: Record<string, number>;
    readonly averaging_state: Numbers;
    readonly state_dict: Numbers;
    readonly current_model_state: Numbers;
  }[];
  readonly end: Numbers;
}
const truth = JSON.parse(
  readFileSync(new URL("../fixtures/callbacks/weightAveraging.json", import.meta.url), "utf8"),
) as { readonly x: readonly (readonly number[])[]; readonly cases: readonly Case[] };

class Norm extends Base<readonly [Tensor]> {
  readonly norm = new BatchNorm1d(2);
  readonly layer = new Linear(2, 1);
  constructor() {
    super();
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
  configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.05 });
  }
}

function averagingOf(recorded: Case): WeightAveraging {
  const camel = Object.entries(recorded.args).map(([name, value]) => [
    name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  const options = Object.fromEntries(camel) as Record<string, never>;
  return recorded.class === "WeightAveraging" ? new WeightAveraging(options) : new EMAWeightAveraging(options);
}

async function train(
  folder: string,
  recorded: Case,
  engine: "tfjs" | "onnxruntime",
  options: { maxEpochs?: number; ckptPath?: string } = {},
): Promise<LightningModule> {
  const trainer = new Trainer({
    maxEpochs: options.maxEpochs ?? 3,
    callbacks: [averagingOf(recorded), new ModelCheckpoint({ dirpath: folder, saveTopK: -1, filename: "{epoch}" })],
    logger: false,
    numSanityValSteps: 0,
    defaultRootDir: folder,
    engine,
  });
  const module = new Norm();
  const data = new Rows(float32Tensor(Float32Array.from(truth.x.flat()), [6, 2]), { batchSize: 2, validate: true });
  await trainer.fit(module, data, { ckptPath: options.ckptPath ?? null });
  return module;
}

async function numbers(entries: Iterable<readonly [unknown, unknown]>): Promise<[string, number[]][]> {
  const all: [string, number[]][] = [];
  for (const [name, tensor] of entries) {
    if (tensor instanceof StoredTensor) all.push([String(name), [...hostNumbers(await readTensor(tensor))]]);
  }
  return all;
}

function expectClose(got: Numbers, expected: Numbers): void {
  expect(got.map(([name]) => name)).toEqual(expected.map(([name]) => name));
  for (const [i, [, values]] of got.entries()) {
    for (const [j, value] of values.entries()) expect(value).toBeCloseTo(expected[i]?.[1][j] ?? NaN, 5);
  }
}

async function expectFiles(folder: string, recorded: Case, epochs: readonly number[]): Promise<void> {
  for (const epoch of epochs) {
    const expected = recorded.files[epoch];
    const { checkpoint, close } = await loadCheckpoint(join(folder, `epoch=${epoch}.ckpt`));
    const current = checkpoint.rest.get("current_model_state");
    const averaging = checkpoint.rest.get("averaging_state");
    if (!(current instanceof PyDict) || !(averaging instanceof PyDict)) throw new Error("the states are not there");
    expect(toPlain(checkpoint.callbacks?.get(recorded.class) ?? null)).toEqual(expected?.callback);
    expectClose(await numbers(averaging), expected?.averaging_state ?? []);
    expectClose(await numbers(checkpoint.stateDict.tensors), expected?.state_dict ?? []);
    expectClose(await numbers(current), expected?.current_model_state ?? []);
    await close();
  }
}

test.each(truth.cases)("files and weights are Lightning's: $class $args", async (recorded) => {
  await inTemporaryFolder(async (folder) => {
    const module = await train(folder, recorded, "tfjs");
    await expectFiles(folder, recorded, [0, 1, 2]);
    const end: [string, number[]][] = [];
    for (const [name, variable] of module.state()) end.push([name, [...hostNumbers(await variable.read())]]);
    expectClose(end, recorded.end);
  });
});

test("captured, and gone on with from a file, it is the same", async () => {
  const recorded = truth.cases[1];
  if (recorded === undefined) throw new Error("no case");
  await inTemporaryFolder(async (folder) => {
    await train(folder, recorded, "onnxruntime", { maxEpochs: 1 });
    await expectFiles(folder, recorded, [0]);
    await train(folder, recorded, "onnxruntime", { ckptPath: join(folder, "epoch=0.ckpt") });
    await expectFiles(folder, recorded, [1, 2]);
  });
});
