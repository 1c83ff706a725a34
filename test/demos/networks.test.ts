import { CharGPT } from "../../src/demos/charGPT.js";
import { LitCNN } from "../../src/demos/litCNN.js";
import { MNISTDataModule } from "../../src/demos/mnistDataModule.js";
import { TextDataModule } from "../../src/demos/textDataModule.js";
import type { Batch } from "../../src/data/batch.js";
import { TokenWindows } from "../../src/data/tokenWindows.js";
import type { LightningModule } from "../../src/core/lightningModule.js";
import { createExecutor } from "../../src/engine/createExecutor.js";
import { Optimizer } from "../../src/optim/index.js";
import { PyDict } from "../../src/pickle/values.js";
import { scalarTensor, type HostTensor } from "../../src/storage/hostTensor.js";
import { seedEverything } from "../../src/tensor/generator.js";
import { valueAndGrads } from "../../src/tensor/gradients.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { digestsOf } from "../nn/expectation.js";
import { fixtureJson } from "../tensor/fixture.js";

interface Network {
  readonly weights: Readonly<Record<string, string>>;
  readonly losses: readonly number[];
}
const truth = fixtureJson("demos/networks.json") as {
  readonly cnn: Network;
  readonly gpt: Network;
  readonly gpt_dropout: Network;
  readonly text: {
    readonly vocabulary: string;
    readonly examples: number;
    readonly first: readonly number[];
    readonly next: readonly number[];
  };
};
const TEXT = "LICENSE";

type Pair = readonly [HostTensor, HostTensor];

async function batchesOf(loader: AsyncIterable<Batch>, count: number): Promise<Pair[]> {
  const batches: Pair[] = [];
  for await (const batch of loader) {
    if (batches.length === count) break;
    batches.push(batch as readonly Batch[] as Pair);
  }
  return batches;
}

/** Train on the batches with the module's own step and optimizer; gives the losses. */
async function losses(module: LightningModule<readonly [Tensor, Tensor]>, batches: readonly Pair[]): Promise<number[]> {
  const optimizer = module.configureOptimizers();
  if (!(optimizer instanceof Optimizer)) throw new Error("an optimizer alone was expected");
  const params = module.parameters();
  const executor = await createExecutor({ engine: "tfjs" });
  const step = executor.compile((inputs) => {
    const { x, y } = inputs;
    if (x === undefined || y === undefined) throw new Error("no batch");
    const loss = (): Tensor => module.trainingStep([x, y], 0) ?? tf.scalar(NaN);
    const { value, grads } = valueAndGrads(loss, params);
    const gradients = params.flatMap((param, i) => {
      const grad = grads[i] ?? null;
      return grad === null ? [] : [[param, grad] as const];
    });
    optimizer.applyGradients(new Map(gradients), (name) => inputs[name] ?? tf.scalar(NaN));
    return { loss: value };
  });
  const found: number[] = [];
  for (const [x, y] of batches) {
    const scalars = Object.entries(optimizer.hostScalars()).map(
      ([name, value]) => [name, scalarTensor(value)] as const,
    );
    const outputs = await step.run({ x, y, ...Object.fromEntries(scalars) });
    optimizer.afterStep();
    found.push(await outputs.scalar("loss"));
    outputs.dispose();
  }
  return found;
}

function expectLosses(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((loss, i) => {
    expect(Math.abs(loss / (expected[i] ?? NaN) - 1)).toBeLessThanOrEqual(i === 0 ? 1e-6 : 1e-5);
  });
}

const small = { block_size: 16, n_layer: 2, n_embd: 32, lr: 1e-3, weight_decay: 0.1 } as const;
const text = (): TextDataModule => new TextDataModule({ path: TEXT, block_size: 16, batch_size: 4, shuffle: false });

test("LitCNN begins with torch's weights after the same seed, and has torch's losses on MNIST", async () => {
  seedEverything(42);
  const module = new LitCNN();
  expect(await digestsOf(module)).toEqual(truth.cnn.weights);
  const data = new MNISTDataModule({ batch_size: 8, shuffle: false, flatten: false });
  await data.setup("fit");
  const [batch] = await batchesOf(data.trainDataloader(), 1);
  if (batch === undefined) throw new Error("no batch");
  expect(batch[0].shape).toEqual([8, 1, 28, 28]);
  expectLosses(await losses(module, [batch, batch, batch]), truth.cnn.losses);
});

test("LitCNN takes flattened images too", () => {
  const module = new LitCNN({ image_size: 8, channels: [1, 2], hidden: 3 });
  const x = tf.randomUniform([2, 1, 8, 8]);
  expect(module.forward(tf.reshape(x, [2, 64])).arraySync()).toEqual(module.forward(x).arraySync());
});

test("CharGPT begins with nanoGPT's weights after the same seed, and has torch's losses on a text", async () => {
  seedEverything(42);
  const module = new CharGPT(small);
  expect(await digestsOf(module)).toEqual(truth.gpt.weights);
  const data = text();
  await data.setup();
  expectLosses(await losses(module, await batchesOf(data.trainDataloader(), 4)), truth.gpt.losses);
});

test("with dropout CharGPT draws torch's masks: its losses stay torch's", async () => {
  const data = text();
  await data.setup();
  const batches = await batchesOf(data.trainDataloader(), 4);
  seedEverything(42);
  const module = new CharGPT({ ...small, dropout: 0.2 });
  expect(await digestsOf(module)).toEqual(truth.gpt_dropout.weights);
  expectLosses(await losses(module, batches), truth.gpt_dropout.losses);
});

describe("TextDataModule", () => {
  test("numbers the characters of a text in the order of their code points", async () => {
    const data = text();
    await data.prepareData();
    await data.setup();
    expect(data.vocabulary.join("")).toBe(truth.text.vocabulary);
    const train = data.trainDataloader();
    expect(train.dataset.length).toBe(truth.text.examples);
    const [[x, y] = []] = await batchesOf(train, 1);
    const row = ({ bytes }: HostTensor): number[] => [...new BigInt64Array(bytes.buffer, 0, 16)].map(Number);
    expect([x, y].map((tokens) => tokens && row(tokens))).toEqual([truth.text.first, truth.text.next]);
    // A tenth of 11,357 characters is 1,135: 70 windows of 16, each with a successor.
    expect(data.valDataloader()?.dataset.length).toBe(70);
  });

  test("says what is wrong with the text", async () => {
    const setup = (args: object): Promise<void> => new TextDataModule({ path: TEXT, ...args }).setup();
    await expect(setup({ vocab_size: 65 })).rejects.toThrow(/has 76 different characters, and vocab_size is 65/);
    await expect(setup({ block_size: 20_000 })).rejects.toThrow(
      /block_size 20000 needs more than the 10222 characters/,
    );
    await expect(new TextDataModule({ path: "nowhere.txt" }).prepareData()).rejects.toMatchObject({
      code: "data.missing",
    });
  });

  test("keeps its vocabulary in the checkpoint and holds a text against it", async () => {
    const data = text();
    expect(data.stateDict()).toBeNull();
    await data.setup();
    const state = data.stateDict();
    expect([...(state ?? [])]).toEqual([["vocabulary", truth.text.vocabulary]]);
    data.loadStateDict(state ?? new PyDict());
    const other = new PyDict([["vocabulary", "abc"]]);
    expect(() => {
      data.loadStateDict(other);
    }).toThrow(/other characters than the text of the checkpoint: 76 here, 3 there/);
    const fresh = text();
    fresh.loadStateDict(other);
    await expect(fresh.setup()).rejects.toThrow(/character 1, .* is not in the checkpoint's vocabulary/);
  });
});

test("windows over tokens step by their stride and end where a successor is missing", () => {
  const windows = new TokenWindows([0, 1, 2, 3, 4, 5, 6], 2, 2);
  expect(windows.length).toBe(3); // 0 1 | 2, 2 3 | 4, 4 5 | 6
  const [x, y] = windows.getBatch([2, 0]).map(({ bytes }) => [...new BigInt64Array(bytes.buffer)].map(Number));
  expect([x, y]).toEqual([[4, 5, 0, 1], [5, 6, 1, 2]]); // prettier-ignore
  expect(new TokenWindows([0, 1], 2).length).toBe(0);
  expect(() => new TokenWindows([0, 1], 0)).toThrow(/from 1/);
});
