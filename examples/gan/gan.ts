import { Callback, detach, LightningModule, PyDict, randn, tf, type Tensor, type TrainerState } from "ltrain";
import { BCEWithLogitsLoss, LeakyReLU, Linear, Module, Sequential, Tanh, type Layer } from "ltrain/nn";
import { Adam } from "ltrain/optim";
import { z } from "zod";

/** Noise on whatever comes in while training, so that the discriminator cannot tell by single pixels. */
class GaussianNoise extends Module implements Layer {
  std: number;

  constructor(std: number) {
    super();
    this.std = std;
  }

  forward(x: Tensor): Tensor {
    return this.training && this.std > 0 ? tf.add(x, tf.mul(randn(x.shape), this.std)) : x;
  }
}

/** Images, flattened, and their digits, which nobody looks at. */
type Batch = readonly [images: Tensor, digits: Tensor];

/** The share of images that the discriminator takes for real. */
const takenForReal = (logits: Tensor): Tensor => tf.mean(tf.cast(tf.greater(logits, 0), "float32"));

/** Two networks that learn from each other, each with an optimizer of its own: Lightning's GAN example, in one file. */
export class GAN extends LightningModule<Batch> {
  static initArgs = z.object({
    in_features: z.int().min(1).default(784).describe("Pixels of an image."),
    latent: z.int().min(1).default(64).describe("Random numbers that an image is made of."),
    hidden: z.int().min(1).default(256).describe("Width of the hidden layers."),
    noise: z.number().min(0).default(0.1).describe("Deviation of the noise on what the discriminator sees."),
    lr: z.number().positive().default(0.0002).describe("The learning rate of both."),
  });

  override automaticOptimization = false;
  generator: Sequential;
  discriminator: Sequential;
  loss = new BCEWithLogitsLoss();
  latent: number;
  lr: number;
  /** Whether the discriminator learns from the next batch; HoldBack decides. */
  discriminates = true;

  constructor(args: z.infer<typeof GAN.initArgs>) {
    super();
    this.saveHyperparameters(args);
    const { in_features, latent, hidden, noise, lr } = args;
    this.generator = new Sequential(
      new Linear(latent, hidden),
      new LeakyReLU({ negativeSlope: 0.2 }),
      new Linear(hidden, in_features),
      new Tanh(),
    );
    this.discriminator = new Sequential(
      new GaussianNoise(noise),
      new Linear(in_features, hidden),
      new LeakyReLU({ negativeSlope: 0.2 }),
      new Linear(hidden, 1),
    );
    this.latent = latent;
    this.lr = lr;
  }

  override trainingStep([images]: Batch): void {
    const [forGenerator, forDiscriminator] = this.optimizers();
    const real = tf.sub(tf.mul(images, 2), 1); // as the generator's Tanh
    const [batch = 0] = real.shape;
    const made = this.generator.forward(randn([batch, this.latent]));

    this.toggledOptimizer(forGenerator, () => {
      forGenerator.zeroGrad();
      const logits = this.discriminator.forward(made);
      const loss = this.loss.forward(logits, tf.ones([batch, 1]));
      this.manualBackward(loss);
      forGenerator.step();
      this.log("g_loss", loss, { progBar: true });
      this.log("fooled", takenForReal(logits));
    });

    if (!this.discriminates) return;
    this.toggledOptimizer(forDiscriminator, () => {
      forDiscriminator.zeroGrad();
      const onReal = this.loss.forward(this.discriminator.forward(real), tf.ones([batch, 1]));
      const onMade = this.loss.forward(this.discriminator.forward(detach(made)), tf.zeros([batch, 1]));
      const loss = tf.div(tf.add(onReal, onMade), 2);
      this.manualBackward(loss);
      forDiscriminator.step();
      this.log("d_loss", loss, { progBar: true });
    });
  }

  override configureOptimizers(): [Adam, Adam] {
    const options = { lr: this.lr, betas: [0.5, 0.999] } as const;
    return [new Adam(this.generator.parameters(), options), new Adam(this.discriminator.parameters(), options)];
  }
}

/** A discriminator that is hardly fooled any more lets the generator catch up: it learns from every second batch only. */
export class HoldBack extends Callback {
  readonly fooled: number;
  #held = 0;

  constructor({ fooled }: { readonly fooled: number }) {
    super();
    this.fooled = fooled;
  }

  override onTrainBatchStart(trainer: TrainerState, module: LightningModule, batchIdx: number): void {
    if (!(module instanceof GAN)) return;
    const isAhead = (trainer.callbackMetrics.get("fooled") ?? 1) < this.fooled;
    module.discriminates = !isAhead || batchIdx % 2 === 0;
    if (!module.discriminates) this.#held += 1;
  }

  /** How many batches it was held back for. */
  override stateDict(): PyDict {
    return PyDict.from({ held: this.#held });
  }
  override loadStateDict(state: PyDict): void {
    this.#held = Number(state.get("held"));
  }
}
