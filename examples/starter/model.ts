import { LightningModule, tf, type Tensor } from "ltrain";
import { CrossEntropyLoss, Linear, ReLU, Sequential } from "ltrain/nn";
import { Adam } from "ltrain/optim";

/** Points [batch, 2] and the class of each [batch]. */
type Batch = readonly [points: Tensor, classes: Tensor];

/** Tells two spirals apart. Its arguments stand in config.yaml, under model.init_args. */
export class Classifier extends LightningModule<Batch> {
  layers: Sequential;
  loss = new CrossEntropyLoss();
  lr: number;

  constructor({ hidden = 32, lr = 0.01 }: { readonly hidden?: number; readonly lr?: number } = {}) {
    super();
    this.saveHyperparameters({ hidden, lr });
    this.layers = new Sequential(
      new Linear(2, hidden),
      new ReLU(),
      new Linear(hidden, hidden),
      new ReLU(),
      new Linear(hidden, 2),
    );
    this.lr = lr;
  }

  forward(points: Tensor): Tensor {
    return this.layers.forward(points);
  }

  override trainingStep([points, classes]: Batch): Tensor {
    const loss = this.loss.forward(this.forward(points), classes);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override validationStep([points, classes]: Batch): void {
    const scores = this.forward(points);
    const hits = tf.equal(tf.argMax(scores, -1), tf.cast(classes, "int32"));
    this.log("val_loss", this.loss.forward(scores, classes), { progBar: true });
    this.log("val_acc", tf.mean(tf.cast(hits, "float32")), { progBar: true });
  }

  override configureOptimizers(): Adam {
    return new Adam(this.parameters(), { lr: this.lr });
  }
}
