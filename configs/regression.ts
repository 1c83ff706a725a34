import { LightningModule, tf, type Tensor } from "ltrain";
import { Linear, MSELoss, ReLU, Sequential } from "ltrain/nn";
import { Adam } from "ltrain/optim";
import { z } from "zod";

/** A small regression network: an example of a module of one's own, named in a config as ./regression.ts:Regression. */
export class Regression extends LightningModule<readonly [Tensor, Tensor]> {
  /** What init_args may be; a class without it takes its arguments as they come. */
  static initArgs = z.object({
    in_features: z.int().min(1).describe("How many features there are."),
    hidden: z.int().min(1).default(32).describe("Width of the hidden layer."),
    lr: z.number().positive().default(0.01).describe("The learning rate."),
  });

  layers: Sequential;
  loss = new MSELoss();
  lr: number;

  constructor(args: z.infer<typeof Regression.initArgs>) {
    super();
    this.saveHyperparameters(args);
    this.layers = new Sequential(new Linear(args.in_features, args.hidden), new ReLU(), new Linear(args.hidden, 1));
    this.lr = args.lr;
  }

  override trainingStep([x, y]: readonly [Tensor, Tensor]): Tensor {
    const loss = this.loss.forward(this.layers.forward(x), y);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override validationStep([x, y]: readonly [Tensor, Tensor]): void {
    const predicted = this.layers.forward(x);
    this.log("val_loss", this.loss.forward(predicted, y), { progBar: true });
    this.log("val_worst", tf.max(tf.abs(tf.sub(predicted, y))));
  }

  override configureOptimizers(): Adam {
    return new Adam(this.parameters(), { lr: this.lr });
  }
}
