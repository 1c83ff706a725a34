import type { OptimizerSetup } from "../core/lightningModule.js";
import { LightningModule } from "../core/lightningModule.js";
import { ReLU } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { Flatten } from "../nn/flatten.js";
import { crossEntropy } from "../nn/functional.js";
import { Linear } from "../nn/linear.js";
import { MaxPool2d } from "../nn/pool.js";
import { zerosTensor } from "../storage/hostTensor.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { adamWithSteps, type AdamWithStepsArgs } from "./adamWithSteps.js";

/** init_args of LitCNN, by their names in YAML and in the checkpoint. */
export interface LitCNNArgs {
  /** Width and height of an image. */
  readonly image_size?: number;
  /** Channels of the first and of the second convolution. */
  readonly channels?: readonly [number, number];
  /** Width of the layer before the last. */
  readonly hidden?: number;
  readonly num_classes?: number;
  readonly lr?: number;
  /** Epochs between two decays of the learning rate; without it there is none. */
  readonly step_size?: number | null;
  /** What a decay multiplies the learning rate by. */
  readonly gamma?: number;
}

/** Images and the numbers of their classes. */
type Batch = readonly [Tensor, Tensor];

/** Two convolutions of 3 by 3, a max pooling and two linear layers that tell classes of grey images apart. */
export class LitCNN extends LightningModule<Batch> {
  readonly net: Sequential;
  readonly #imageSize: number;
  readonly #optimizer: AdamWithStepsArgs;

  constructor(args: LitCNNArgs = {}) {
    super();
    const { image_size: imageSize = 28, channels = [32, 64], hidden = 128, num_classes: numClasses = 10 } = args;
    const { lr = 1e-3, step_size = null, gamma = 0.1 } = args;
    this.saveHyperparameters({
      image_size: imageSize,
      channels,
      hidden,
      num_classes: numClasses,
      lr,
      ...(step_size === null ? {} : { step_size, gamma }),
    });
    const [first, second] = channels;
    const side = Math.floor((imageSize - 4) / 2);
    this.net = new Sequential(
      new Conv2d(1, first, 3),
      new ReLU(),
      new Conv2d(first, second, 3),
      new ReLU(),
      new MaxPool2d(2),
      new Flatten(),
      new Linear(second * side * side, hidden),
      new ReLU(),
      new Linear(hidden, numClasses),
    );
    this.#imageSize = imageSize;
    this.exampleInputArray = zerosTensor("float32", [1, 1, imageSize, imageSize]);
    this.#optimizer = { lr, step_size, gamma };
  }

  /** Logits, one for each class, of images [N, 1, H, W] or flattened ones. */
  forward(x: Tensor): Tensor {
    return this.net.forward(x.rank === 4 ? x : tf.reshape(x, [-1, 1, this.#imageSize, this.#imageSize]));
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
