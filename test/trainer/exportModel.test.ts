import { LightningModule } from "../../src/core/lightningModule.js";
import { LitCNN } from "../../src/demos/litCNN.js";
import { BatchNorm1d, Dropout, Linear, LSTM, ReLU, Sequential } from "../../src/nn/index.js";
import { Module } from "../../src/nn/module.js";
import { SGD } from "../../src/optim/index.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { seedEverything } from "../../src/tensor/seed.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { exportModel } from "../../src/trainer/exportModel.js";

abstract class Exported extends LightningModule<readonly [Tensor]> {
  override trainingStep(): Tensor {
    return tf.scalar(0);
  }
  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
  abstract forward(x: Tensor): unknown;
}

class Normed extends Exported {
  net = new Sequential(new Linear(4, 8), new BatchNorm1d(8), new ReLU(), new Dropout(0.5), new Linear(8, 2));
  override forward(x: Tensor): unknown {
    const logits = this.net.forward(x);
    return { logits, classes: tf.argMax(logits, -1) };
  }
}

class Recurrent extends Exported {
  lstm = new LSTM(3, 6, { batchFirst: true });
  override forward(x: Tensor): unknown {
    return this.lstm.forward(x)[0];
  }
}

class Mixing extends Exported {
  override forward(x: Tensor): unknown {
    return tf.div(x, x.shape[0]); // the batch's size in the arithmetic
  }
}

const waves = (shape: readonly number[]): ReturnType<typeof float32Tensor> =>
  float32Tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
    shape,
  );

// exportModel runs the model with ONNX Runtime at two batch sizes and compares: what it gives has been compared.
test.each([
  [
    "convolutions and pooling",
    () => new LitCNN({ image_size: 12, channels: [4, 6], hidden: 10 }),
    [5, 1, 12, 12],
    ["batch", 10],
  ],
  ["batch norm by its running statistics, and no dropout", () => new Normed(), [5, 4], ["batch", 2]],
  ["an LSTM, whose first state is as long as the batch", () => new Recurrent(), [5, 4, 3], ["batch", 4, 6]],
] as const)("%s: any batch size, within torch.onnx's tolerance", async (_, make, shape, expected) => {
  seedEverything(3);
  const module = make();
  const model = await exportModel(module, { example: [waves(shape)] });
  expect(model.inputs).toEqual([{ name: "input", dtype: "float32", shape: ["batch", ...shape.slice(1)] }]);
  expect(model.outputs[0]?.shape).toEqual(expected);
  expect(model.maxAbsDifference).toBeLessThan(1e-5);
  expect(module.training).toBe(true); // as it was
});

test("several outputs have the names that predictStep gives them", async () => {
  const { outputs } = await exportModel(new Normed(), { example: [waves([2, 4])] });
  expect(outputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
    ["logits", "float32", ["batch", 2]],
    ["classes", "int32", ["batch"]],
  ]);
});

test("what depends on the batch's size in another way is refused for any size, and goes for one", async () => {
  await expect(exportModel(new Mixing(), { example: [waves([2, 4])] })).rejects.toMatchObject({
    code: "engine.unsupported",
    hint: "export it for one size: --batch-size 1",
  });
  const { outputs } = await exportModel(new Mixing(), { example: [waves([2, 4])], batchSize: 2 });
  expect(outputs[0]?.shape).toEqual([2, 4]);
});

test("a module that predicts nothing is told what is missing", async () => {
  class Silent extends LightningModule {
    part: Module = new Linear(1, 1);
    override trainingStep(): Tensor {
      return tf.scalar(0);
    }
    override configureOptimizers(): SGD {
      return new SGD(this.parameters(), { lr: 0.1 });
    }
  }
  await expect(exportModel(new Silent(), { example: [waves([2, 4])] })).rejects.toMatchObject({
    code: "config.invalid",
    message: "Silent has no predictStep and no forward",
  });
});
