import { Callback, LightningModule, tf, type Tensor, type TrainerState } from "ltrain";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  functional as F,
  Linear,
  Module,
  ReLU,
  Sequential,
  type Layer,
} from "ltrain/nn";
import { OneCycleLR, SGD } from "ltrain/optim";
import { z } from "zod";

/** Two convolutions and what came in; where the size changes, one more convolution brings that along. */
class Residual extends Module implements Layer {
  body: Sequential;
  shortcut: Sequential;

  constructor(from: number, to: number, stride: number) {
    super();
    this.body = new Sequential(
      new Conv2d(from, to, 3, { stride, padding: 1, bias: false }),
      new BatchNorm2d(to),
      new ReLU(),
      new Conv2d(to, to, 3, { padding: 1, bias: false }),
      new BatchNorm2d(to),
    );
    this.shortcut =
      from === to && stride === 1
        ? new Sequential()
        : new Sequential(new Conv2d(from, to, 1, { stride, bias: false }), new BatchNorm2d(to));
  }

  forward(x: Tensor): Tensor {
    return F.relu(tf.add(this.body.forward(x), this.shortcut.forward(x)));
  }
}

/** Images [N, 1, 28, 28] and their digits [N]. */
type Batch = readonly [images: Tensor, digits: Tensor];

const DIGITS = 10;

/** How often a digit is among the k likeliest. */
function topK(logits: Tensor, digits: Tensor, k: number): Tensor {
  const own = tf.sum(tf.mul(logits, tf.oneHot(tf.cast(digits, "int32"), DIGITS)), -1, true);
  const better = tf.sum(tf.cast(tf.greater(logits, own), "float32"), -1);
  return tf.mean(tf.cast(tf.less(better, k), "float32"));
}

/** A small residual network that tells digits apart, trained with a one-cycle schedule. */
export class ResNet extends LightningModule<Batch> {
  static initArgs = z.object({
    channels: z.int().min(1).default(8).describe("Channels of the first block; each further one has twice as many."),
    lr: z.number().positive().default(0.2).describe("The highest learning rate."),
    steps: z.int().min(1).default(860).describe("Steps of the one cycle; more would be an error."),
  });

  net: Sequential;
  args: z.infer<typeof ResNet.initArgs>;

  constructor(args: z.infer<typeof ResNet.initArgs>) {
    super();
    this.saveHyperparameters(args);
    this.args = args;
    const { channels } = args;
    this.net = new Sequential(
      new Conv2d(1, channels, 3, { stride: 2, padding: 1, bias: false }),
      new BatchNorm2d(channels),
      new ReLU(),
      new Residual(channels, channels, 1),
      new Residual(channels, 2 * channels, 2),
      new Residual(2 * channels, 4 * channels, 2),
      new AdaptiveAvgPool2d(1),
      new Flatten(),
      new Linear(4 * channels, DIGITS),
    );
  }

  override trainingStep([images, digits]: Batch): Tensor {
    const loss = F.crossEntropy(this.net.forward(images), digits, { labelSmoothing: 0.1 });
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override validationStep([images, digits]: Batch): void {
    const logits = this.net.forward(images);
    this.log("val_loss", F.crossEntropy(logits, digits));
    this.log("val_acc", topK(logits, digits, 1), { progBar: true });
    this.log("val_top2", topK(logits, digits, 2));
    const isRight = tf.cast(tf.equal(tf.argMax(logits, -1), tf.cast(digits, "int32")), "float32");
    for (let digit = 0; digit < DIGITS; digit += 1) {
      const isDigit = tf.cast(tf.equal(tf.cast(digits, "int32"), digit), "float32");
      const sum = { reduceFx: "sum", logger: false } as const;
      this.log(`val_count_${digit}`, tf.sum(isDigit), sum);
      this.log(`val_right_${digit}`, tf.sum(tf.mul(isDigit, isRight)), sum);
    }
  }

  override configureOptimizers(): ReturnType<LightningModule["configureOptimizers"]> {
    const { lr, steps } = this.args;
    const optimizer = new SGD(this.parameters(), { lr, momentum: 0.9, nesterov: true, weightDecay: 5e-4 });
    const scheduler = new OneCycleLR(optimizer, { maxLr: lr, totalSteps: steps });
    return { optimizer, lrScheduler: { scheduler, interval: "step" } };
  }
}

/** The recall of the digit that is known worst: monitor: val_worst_recall, mode: max. */
export class WorstRecall extends Callback {
  override onValidationEnd(trainer: TrainerState): void {
    const recalls: number[] = [];
    for (let digit = 0; digit < DIGITS; digit += 1) {
      const count = trainer.callbackMetrics.get(`val_count_${digit}`) ?? 0;
      if (count > 0) recalls.push((trainer.callbackMetrics.get(`val_right_${digit}`) ?? 0) / count);
    }
    if (recalls.length > 0) trainer.showMetrics(new Map([["val_worst_recall", Math.min(...recalls)]]));
  }
}
