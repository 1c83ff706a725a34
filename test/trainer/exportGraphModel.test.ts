import { LightningModule } from "../../src/core/lightningModule.js";
import { CharGPT } from "../../src/demos/charGPT.js";
import { LitAutoEncoder } from "../../src/demos/litAutoEncoder.js";
import { LitClassifier } from "../../src/demos/litClassifier.js";
import { LitCNN } from "../../src/demos/litCNN.js";
import {
  AvgPool2d,
  BatchNorm2d,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  Flatten,
  GELU,
  Linear,
  LSTM,
  MaxPool2d,
  ReLU,
  Sequential,
} from "../../src/nn/index.js";
import { SGD } from "../../src/optim/index.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { loadGraphModel } from "../../src/tensor/graphModel.js";
import { seedEverything } from "../../src/tensor/seed.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { exportGraphModel } from "../../src/trainer/exportModel.js";

abstract class Exported extends LightningModule<readonly [Tensor]> {
  override trainingStep(): Tensor {
    return tf.scalar(0);
  }
  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
  abstract forward(x: Tensor): unknown;
}

class Images extends Exported {
  net = new Sequential(
    new Conv2d(2, 4, 3, { padding: 1, stride: 2 }),
    new BatchNorm2d(4),
    new GELU(),
    new Conv2d(4, 4, 3, { padding: 1, groups: 4 }),
    new MaxPool2d(3, { stride: 2, padding: 1 }),
    new ConvTranspose2d(4, 3, 2, { stride: 2 }),
    new AvgPool2d(2),
    new ReLU(),
    new Flatten(),
    new Linear(3 * 4 * 4, 5),
  );
  override forward(x: Tensor): unknown {
    const logits = this.net.forward(x);
    return { logits, classes: tf.argMax(logits, -1) };
  }
}

class Sounds extends Exported {
  net = new Sequential(new Conv1d(3, 4, 3, { padding: 1 }), new ReLU());
  override forward(x: Tensor): unknown {
    return this.net.forward(x);
  }
}

class Recurrent extends Exported {
  lstm = new LSTM(3, 6, { batchFirst: true });
  override forward(x: Tensor): unknown {
    return this.lstm.forward(x)[0];
  }
}

class Masking extends Exported {
  override forward(x: Tensor): unknown {
    return tf.bitwiseAnd(tf.cast(x, "int32"), tf.onesLike(tf.cast(x, "int32")));
  }
}

class Wide extends Exported {
  wide = new Linear(1500, 1000);
  narrow = new Linear(1000, 2, { bias: false });
  override forward(x: Tensor): unknown {
    return this.narrow.forward(this.wide.forward(x));
  }
}

interface ModelJson {
  readonly format: string;
  readonly signature: { readonly inputs: Readonly<Record<string, unknown>> };
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[];
  }[];
}

const waves = (shape: readonly number[]): HostTensor =>
  float32Tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
    shape,
  );
const tokens = (shape: readonly number[]): HostTensor => {
  const values = BigInt64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => BigInt((i * 7) % 20));
  return { dtype: "int64", shape, bytes: new Uint8Array(values.buffer) };
};

// exportGraphModel loads the model with @tensorflow/tfjs-converter and compares at two batch sizes.
test.each([
  ["MLP", () => new LitClassifier({ in_features: 12, hidden: [7, 5], num_classes: 3 }), waves([5, 12])],
  ["autoencoder", () => new LitAutoEncoder(), waves([2, 784])],
  ["CNN", () => new LitCNN({ image_size: 12, channels: [4, 6], hidden: 10 }), waves([5, 1, 12, 12])],
  ["GPT", () => new CharGPT({ vocab_size: 20, block_size: 8, n_layer: 2, n_head: 2, n_embd: 16 }), tokens([3, 8])],
  ["images of all kinds", () => new Images(), waves([3, 2, 16, 16])],
  ["Conv1d", () => new Sounds(), waves([3, 3, 9])],
  ["LSTM, whose first state is as long as the batch", () => new Recurrent(), waves([5, 4, 3])],
] as const)("%s: TensorFlow.js gives what the module gives, for any batch size", async (_, make, example) => {
  seedEverything(3);
  const module: LightningModule = make();
  const model = await exportGraphModel(module, { example: [example] });
  expect(model.maxAbsDifference).not.toBeNull();
  expect(model.maxAbsDifference).toBeLessThan(1e-5);
  expect(model.inputs).toMatchObject([{ name: "input", shape: ["batch", ...example.shape.slice(1)] }]);
});

test("what predictStep calls its outputs, or the caller, is what the signature calls them", async () => {
  const { files, outputs } = await exportGraphModel(new Images(), {
    example: [waves([2, 2, 16, 16])],
    inputNames: ["the image"],
  });
  expect(outputs).toEqual([
    { name: "logits", dtype: "float32", shape: ["batch", 5] },
    { name: "classes", dtype: "int32", shape: ["batch"] },
  ]);
  const json = JSON.parse(new TextDecoder().decode(files.get("model.json"))) as ModelJson;
  expect(json.signature.inputs).toEqual({
    "the image": {
      name: "the_image:0",
      dtype: "DT_FLOAT",
      tensorShape: { dim: [{ size: "-1" }, { size: "2" }, { size: "16" }, { size: "16" }] },
    },
  });
  const loaded = await loadGraphModel(files);
  const results = await loaded?.run({ "the image": waves([4, 2, 16, 16]) });
  expect(results?.["logits"]?.shape).toEqual([4, 5]);
  expect(results?.["classes"]?.shape).toEqual([4]);
  loaded?.dispose();
});

test("weights have their names in the state_dict and lie in files of 4 MB", async () => {
  const { files, maxAbsDifference } = await exportGraphModel(new Wide(), { example: [waves([2, 1500])] });
  // (1500 * 1000 + 1000 + 2 * 1000) * 4 bytes, and a few constants
  const sizes = [...files].flatMap(([name, { byteLength }]) => (name === "model.json" ? [] : [byteLength]));
  expect(sizes.length).toBe(2);
  expect(sizes[0]).toBe(4 * 1024 * 1024);
  expect((sizes[0] ?? 0) + (sizes[1] ?? 0)).toBeGreaterThanOrEqual(6_012_000);
  expect((sizes[0] ?? 0) + (sizes[1] ?? 0)).toBeLessThan(6_012_100);
  expect(maxAbsDifference).toBeLessThan(1e-4);
  const json = JSON.parse(new TextDecoder().decode(files.get("model.json"))) as ModelJson;
  expect(json.format).toBe("graph-model");
  const [group] = json.weightsManifest;
  expect(group?.paths).toEqual(["group1-shard1of2.bin", "group1-shard2of2.bin"]);
  expect(group?.weights).toEqual(
    expect.arrayContaining([
      { name: "wide.weight", shape: [1000, 1500], dtype: "float32" },
      { name: "narrow.weight", shape: [2, 1000], dtype: "float32" },
    ]),
  );
});

test("an operator that TensorFlow.js has not is named, with the format that has it", async () => {
  await expect(exportGraphModel(new Masking(), { example: [waves([2, 4])] })).rejects.toMatchObject({
    code: "engine.unsupported",
    message: "the model cannot be exported to TensorFlow.js, which has no kernel for BitwiseAnd (of BitwiseAnd)",
    hint: "export it as ONNX, which has: --format onnx",
  });
});
