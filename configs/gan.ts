import { detach, LightningModule, randn, tf, type Tensor } from "ltrain";
import { BCEWithLogitsLoss, LeakyReLU, Linear, Sequential, Tanh } from "ltrain/nn";
import { Adam } from "ltrain/optim";
import { z } from "zod";

/** Two networks that learn from each other, each with an optimizer of its own: Lightning's GAN example, in one file. */
export class GAN extends LightningModule<readonly [Tensor, Tensor]> {
  static initArgs = z.object({
    in_features: z.int().min(1).default(784).describe("Pixels of an image."),
    latent: z.int().min(1).default(64).describe("Random numbers that an image is made of."),
    hidden: z.int().min(1).default(256).describe("Width of the hidden layers."),
    lr: z.number().positive().default(0.0002).describe("The learning rate of both."),
  });

  override automaticOptimization = false;
  generator: Sequential;
  discriminator: Sequential;
  loss = new BCEWithLogitsLoss();
  latent: number;
  lr: number;

  constructor(args: z.infer<typeof GAN.initArgs>) {
    super();
    this.saveHyperparameters(args);
    const { in_features, latent, hidden, lr } = args;
    this.generator = new Sequential(
      new Linear(latent, hidden),
      new LeakyReLU(0.2),
      new Linear(hidden, in_features),
      new Tanh(),
    );
    this.discriminator = new Sequential(new Linear(in_features, hidden), new LeakyReLU(0.2), new Linear(hidden, 1));
    this.latent = latent;
    this.lr = lr;
  }

  override trainingStep([pixels]: readonly [Tensor, Tensor]): void {
    const [forGenerator, forDiscriminator] = this.optimizers();
    if (forGenerator === undefined || forDiscriminator === undefined) throw new Error("a GAN has two optimizers");
    const real = tf.sub(tf.mul(pixels, 2), 1); // as the generator's Tanh
    const batch = real.shape[0] ?? 0;
    const made = this.generator.forward(randn([batch, this.latent]));

    this.toggledOptimizer(forGenerator, () => {
      forGenerator.zeroGrad();
      const loss = this.loss.forward(this.discriminator.forward(made), tf.ones([batch, 1]));
      this.manualBackward(loss);
      forGenerator.step();
      this.log("g_loss", loss, { progBar: true });
    });

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

  override configureOptimizers(): Adam[] {
    const options = { lr: this.lr, betas: [0.5, 0.999] } as const;
    return [new Adam(this.generator.parameters(), options), new Adam(this.discriminator.parameters(), options)];
  }
}
