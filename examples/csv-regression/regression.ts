import { Callback, float32Tensor, LightningModule, PyDict, tf, type Tensor, type TrainerState } from "ltrain";
import { Buffer, GELU, Linear, Module, MSELoss, Sequential, type Layer } from "ltrain/nn";
import { Adam, ReduceLROnPlateau } from "ltrain/optim";
import { z } from "zod";

/** Every feature beside its sines and cosines at a few frequencies, which are a buffer: in the file, and not trained. */
class FourierFeatures extends Module implements Layer {
  frequencies: Buffer;

  constructor(count: number) {
    super();
    const octaves = Float32Array.from({ length: count }, (_, k) => 0.25 * Math.PI * 2 ** k);
    this.frequencies = new Buffer(float32Tensor(octaves, [count]));
  }

  /** [N, features] becomes [N, features · (1 + 2 · count)]. */
  forward(x: Tensor): Tensor {
    const [rows = 0, features = 0] = x.shape;
    const angles = tf.mul(tf.expandDims(x, -1), this.frequencies.value);
    const waves = tf.concat([tf.sin(angles), tf.cos(angles)], -1);
    return tf.concat([x, tf.reshape(waves, [rows, features * (waves.shape[2] ?? 0)])], -1);
  }
}

/** Rows of features, and the number that each is to give [N, 1]. */
type Batch = readonly [features: Tensor, target: Tensor];

const meanError = (predicted: Tensor, target: Tensor): Tensor => tf.mean(tf.abs(tf.sub(predicted, target)));
const worstError = (predicted: Tensor, target: Tensor): Tensor => tf.max(tf.abs(tf.sub(predicted, target)));

/** A small network that predicts a number from a table's other columns. */
export class Regression extends LightningModule<Batch> {
  /** What init_args may be; a class without it takes its arguments as they come. */
  static initArgs = z.object({
    in_features: z.int().min(1).describe("How many features there are."),
    frequencies: z.int().min(1).default(2).describe("Sines and cosines of each of them."),
    hidden: z.int().min(1).default(32).describe("Width of the hidden layer."),
    lr: z.number().positive().default(0.01).describe("The learning rate at the start."),
  });

  layers: Sequential;
  loss = new MSELoss();
  lr: number;

  constructor(args: z.infer<typeof Regression.initArgs>) {
    super();
    this.saveHyperparameters(args);
    const { in_features: features, frequencies, hidden, lr } = args;
    this.layers = new Sequential(
      new FourierFeatures(frequencies),
      new Linear(features * (1 + 2 * frequencies), hidden),
      new GELU(),
      new Linear(hidden, 1),
    );
    this.lr = lr;
  }

  override trainingStep([features, target]: Batch): Tensor {
    const loss = this.loss.forward(this.layers.forward(features), target);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override validationStep([features, target]: Batch): void {
    const predicted = this.layers.forward(features);
    this.log("val_loss", this.loss.forward(predicted, target), { progBar: true });
    this.log("val_mae", meanError(predicted, target));
    this.log("val_worst", worstError(predicted, target), { reduceFx: "max", progBar: true });
  }

  override configureOptimizers(): ReturnType<LightningModule["configureOptimizers"]> {
    const optimizer = new Adam(this.parameters(), { lr: this.lr });
    const scheduler = new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 2 });
    return { optimizer, lrScheduler: { scheduler, monitor: "val_loss" } };
  }
}

/** Ends training when not one row of the validation is further off than `below`; its state is in the checkpoint. */
export class GoodEnough extends Callback {
  override readonly order = "monitoring";
  readonly below: number;
  #best = Infinity;
  #isReached = false;

  constructor({ below }: { readonly below: number }) {
    super();
    this.below = below;
  }

  override get stopReason(): string | null {
    return this.#isReached ? `no row is off by more than ${this.#best.toFixed(4)}, which is below ${this.below}` : null;
  }

  override onTrainEpochEnd(trainer: TrainerState): void {
    this.#best = Math.min(this.#best, trainer.callbackMetrics.get("val_worst") ?? Infinity);
    this.#isReached = this.#best < this.below;
    if (this.#isReached) trainer.shouldStop = true;
  }

  override stateDict(): PyDict {
    return PyDict.from({ best: this.#best });
  }
  override loadStateDict(state: PyDict): void {
    this.#best = Number(state.get("best"));
  }
}
