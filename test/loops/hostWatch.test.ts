import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { EngineName } from "../../src/engine/executor.js";
import { Dropout } from "../../src/nn/dropout.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, Losses, QUIET, Rows, weightsOf } from "../trainer/tinyRun.js";

/** One layer, whose loss the tests change in ways of their own. */
class OneLayer extends LightningModule<readonly [Tensor]> {
  readonly layer = new Linear(8, 1);
  trainingStep(batch: readonly [Tensor], batchIdx?: number): Tensor;
  trainingStep([x]: readonly [Tensor]): Tensor {
    return tf.mean(tf.square(this.layer.forward(x)));
  }
  configureOptimizers(): OptimizerSetup {
    return new SGD(this.parameters(), { lr: 0.1, momentum: 0.5 });
  }
}

interface Trained {
  readonly losses: number[];
  readonly weights: Record<string, number[]>;
  readonly metrics: Record<string, number>;
}

/** Three epochs of 10 rows in batches of 4: the last batch is smaller. */
async function train(Kind: new () => LightningModule, engine: EngineName): Promise<Trained> {
  seedEverything(1);
  const module = new Kind();
  const losses = new Losses();
  const trainer = new Trainer({ ...QUIET, engine, maxEpochs: 3, numSanityValSteps: 0, callbacks: [losses] });
  const { callbackMetrics } = await trainer.fit(module, new Rows(fixtureRows(10), { batchSize: 4, validate: true }));
  return { losses: losses.losses, weights: await weightsOf(module), metrics: Object.fromEntries(callbackMetrics) };
}

/** The refusal of a step that cannot be captured. */
async function refusal(Kind: new () => LightningModule): Promise<unknown> {
  await expect(train(Kind, "tfjs")).resolves.toBeDefined();
  return train(Kind, "onnxruntime").catch((error: unknown) => error);
}

describe("a step that depends on what changes with every batch is refused", () => {
  test.each<[string, new () => LightningModule, RegExp]>([
    [
      "batchIdx",
      class extends OneLayer {
        override trainingStep(batch: readonly [Tensor], batchIdx: number): Tensor {
          return tf.mul(super.trainingStep(batch), batchIdx + 1);
        }
      },
      /trainingStep depends on more than its inputs.*in Multiply at .*hostWatch\.test\.ts:\d+/,
    ],
    [
      "a number that is logged",
      class extends OneLayer {
        override trainingStep(batch: readonly [Tensor], batchIdx: number): Tensor {
          this.log("index", batchIdx);
          return super.trainingStep(batch);
        }
      },
      /trainingStep depends on more than its inputs/,
    ],
    [
      "the weight that a value is logged with",
      class extends OneLayer {
        override trainingStep(batch: readonly [Tensor], batchIdx: number): Tensor {
          const loss = super.trainingStep(batch);
          this.log("loss_", loss, { batchSize: batchIdx + 1 });
          return loss;
        }
      },
      /trainingStep depends on more than its inputs.*log\.loss_/,
    ],
    [
      "trainer.globalStep",
      class extends OneLayer {
        override trainingStep(batch: readonly [Tensor]): Tensor {
          return tf.mul(super.trainingStep(batch), (this.trainer?.globalStep ?? 0) + 1);
        }
      },
      /trainingStep reads trainer\.globalStep at .*hostWatch\.test\.ts:\d+/,
    ],
    [
      "a field that the step counts up",
      class extends OneLayer {
        count = 0;
        override trainingStep(batch: readonly [Tensor]): Tensor {
          this.count += 1;
          return super.trainingStep(batch);
        }
      },
      /trainingStep changes this\.count: it runs when it is captured/,
    ],
    [
      "a list that the step adds to",
      class extends OneLayer {
        readonly seen: Tensor[] = [];
        override trainingStep(batch: readonly [Tensor]): Tensor {
          const loss = super.trainingStep(batch);
          this.seen.push(loss);
          return loss;
        }
      },
      /trainingStep changes this\.seen/,
    ],
  ])("%s", async (_, Kind, message) => {
    expect(await refusal(Kind)).toMatchObject({
      code: "engine.unsupported",
      message: expect.stringMatching(message) as string,
      hint: expect.stringContaining("--engine tfjs") as string,
    });
  });
});

describe("what changes now and then is captured anew, and trains as it does on tfjs", () => {
  test.each<[string, new () => LightningModule]>([
    [
      "a field that a hook sets",
      class extends OneLayer {
        readonly factors = { loss: 1 };
        override trainingStep(batch: readonly [Tensor]): Tensor {
          return tf.mul(super.trainingStep(batch), this.factors.loss);
        }
        override onTrainEpochStart(): void {
          this.factors.loss = 1 + (this.trainer?.currentEpoch ?? 0);
        }
      },
    ],
    [
      "trainer.currentEpoch",
      class extends OneLayer {
        override trainingStep(batch: readonly [Tensor]): Tensor {
          return tf.mul(super.trainingStep(batch), (this.trainer?.currentEpoch ?? 0) + 1);
        }
      },
    ],
    [
      "a parameter that is frozen after the first epoch",
      class extends OneLayer {
        override onTrainEpochEnd(): void {
          this.layer.weight.requiresGrad = false;
        }
      },
    ],
    [
      "an optimizer's flag",
      class extends OneLayer {
        #optimizer: SGD | undefined;
        override configureOptimizers(): OptimizerSetup {
          this.#optimizer = new SGD(this.parameters(), { lr: 0.01 });
          return this.#optimizer;
        }
        override onTrainEpochEnd(): void {
          this.#optimizer?.paramGroups[0]?.options.set("maximize", true);
        }
      },
    ],
    [
      "the weight of a logged value, by the shape of the batch",
      class extends OneLayer {
        override trainingStep(batch: readonly [Tensor]): Tensor {
          const loss = super.trainingStep(batch);
          this.log("weighted", loss, { onEpoch: true, onStep: false, batchSize: batch[0].size });
          return loss;
        }
      },
    ],
    [
      "training mode",
      class extends OneLayer {
        override trainingStep(batch: readonly [Tensor]): Tensor {
          return this.loss(batch);
        }
        override validationStep(batch: readonly [Tensor]): void {
          this.log("val_loss", this.loss(batch));
        }
        private loss([x]: readonly [Tensor]): Tensor {
          const loss = tf.mean(tf.square(this.layer.forward(x)));
          return this.training ? tf.mul(loss, 2) : loss;
        }
      },
    ],
    [
      "random masks",
      class extends OneLayer {
        readonly dropout = new Dropout(0.3);
        override trainingStep([x]: readonly [Tensor]): Tensor {
          return super.trainingStep([this.dropout.forward(x)]);
        }
        override validationStep([x]: readonly [Tensor]): void {
          this.log("val_loss", super.trainingStep([this.dropout.forward(x)]));
        }
      },
    ],
  ])("%s", async (_, Kind) => {
    const [eager, captured] = [await train(Kind, "tfjs"), await train(Kind, "onnxruntime")];
    expect(captured.losses).toHaveLength(9);
    captured.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(eager.losses[i] ?? Number.NaN, 5);
    });
    for (const [name, value] of Object.entries(eager.metrics)) expect(captured.metrics[name]).toBeCloseTo(value, 5);
    for (const [name, values] of Object.entries(eager.weights)) {
      values.forEach((value, i) => {
        expect(captured.weights[name]?.[i]).toBeCloseTo(value, 5);
      });
    }
  });
});
