import { LightningModule } from "../core/lightningModule.js";
import type { OptimizerSetup } from "../core/lightningModule.js";
import { ReLU } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { crossEntropy, flatten } from "../nn/functional.js";
import { Linear } from "../nn/linear.js";
import type { Layer, Module } from "../nn/module.js";
import { zerosTensor } from "../storage/hostTensor.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { adamWithSteps } from "./adamWithSteps.js";

/** init_args of LitClassifier, by their names in YAML and in the checkpoint. */
export interface LitClassifierArgs {
  /** Values of one example, flattened. */
  readonly in_features?: number;
  /** Width of the hidden layer, or of each of several. */
  readonly hidden?: number | readonly number[];
  readonly num_classes?: number;
  readonly lr?: number;
  /** Epochs between two decays of the learning rate; without it there is none. */
  readonly step_size?: number | null;
  /** What a decay multiplies the learning rate by. */
  readonly gamma?: number;
}

/** Examples and the numbers of their classes. */
type Batch = readonly [Tensor, Tensor];

/** A multi-layer perceptron that tells classes apart, trained on cross-entropy with Adam. */
export class LitClassifier extends LightningModule<Batch> {
  readonly layers: Sequential;
  readonly #optimizer: { readonly lr: number; readonly step_size: number | null; readonly gamma: number };

  constructor(args: LitClassifierArgs = {}) {
    super();
    const { in_features: inFeatures = 784, hidden = [128], num_classes: numClasses = 10, lr = 1e-3 } = args;
    const { step_size = null, gamma = 0.1 } = args;
    this.saveHyperparameters({
      in_features: inFeatures,
      hidden,
      num_classes: numClasses,
      lr,
      ...(step_size === null ? {} : { step_size, gamma }),
    });
    const layers: (Module & Layer)[] = [];
    let width = inFeatures;
    for (const size of typeof hidden === "number" ? [hidden] : hidden) {
      layers.push(new Linear(width, size), new ReLU());
      width = size;
    }
    this.layers = new Sequential(...layers, new Linear(width, numClasses));
    this.exampleInputArray = zerosTensor("float32", [1, inFeatures]);
    this.#optimizer = { lr, step_size, gamma };
  }

  /** Logits, one for each class, of examples of any shape. */
  forward(x: Tensor): Tensor {
    return this.layers.forward(flatten(x, 1));
  }

  override trainingStep([x, y]: Batch): Tensor {
    const loss = crossEntropy(this.forward(x), y);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override validationStep(batch: Batch): void {
    this.#evaluate("val", batch);
  }

  override testStep(batch: Batch): void {
    this.#evaluate("test", batch);
  }

  override configureOptimizers(): OptimizerSetup {
    return adamWithSteps(this.parameters(), this.#optimizer);
  }

  #evaluate(name: string, [x, y]: Batch): void {
    const logits = this.forward(x);
    const isRight = tf.equal(tf.argMax(logits, -1), tf.cast(y, "int32"));
    this.log(`${name}_loss`, crossEntropy(logits, y), { progBar: true });
    this.log(`${name}_acc`, tf.mean(tf.cast(isRight, "float32")), { progBar: true });
  }
}
