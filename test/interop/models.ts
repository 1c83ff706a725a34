import { Callback, LightningModule, optim, tf, type Tensor, type TrainerState } from "ltrain";
import * as nn from "ltrain/nn";

/** Inputs, and what they are to become. */
type Batch = readonly [Tensor, Tensor];

/** What the modules have in common; their optimizers come from the config. */
abstract class Trained extends LightningModule<Batch> {
  protected abstract loss(batch: Batch): Tensor;

  override trainingStep(batch: Batch): Tensor {
    const loss = this.loss(batch);
    this.log("train_loss", loss);
    return loss;
  }
  override validationStep(batch: Batch): void {
    this.log("val_loss", this.loss(batch));
  }
  override configureOptimizers(): optim.Optimizer {
    return new optim.Adam(this.parameters());
  }
}

const asImages = (x: Tensor): Tensor => tf.reshape(x, [-1, 1, 28, 28]);

/** Cross entropy of logits [N, length, classes] and tokens [N, length]. */
function tokenLoss(logits: Tensor, following: Tensor): Tensor {
  return nn.functional.crossEntropy(nn.functional.flatten(logits, 0, 1), nn.functional.flatten(following));
}

/** Running statistics, which a checkpoint has beside the weights. */
export class BatchNormMlp extends Trained {
  readonly net: nn.Sequential;
  constructor({ hidden = 12 }: { readonly hidden?: number }) {
    super();
    this.saveHyperparameters({ hidden });
    this.net = new nn.Sequential(
      new nn.Linear(784, hidden, { bias: false }),
      new nn.BatchNorm1d(hidden),
      new nn.ReLU(),
      new nn.Linear(hidden, hidden, { bias: false }),
      new nn.BatchNorm1d(hidden, { momentum: 0.3 }),
      new nn.Tanh(),
      new nn.Linear(hidden, 10),
    );
  }
  protected loss([x, y]: Batch): Tensor {
    return nn.functional.crossEntropy(this.net.forward(x), y, { labelSmoothing: 0.1 });
  }
}

/** Convolutions with strides, by groups and by batches. */
export class GroupNormCnn extends Trained {
  readonly net: nn.Sequential;
  constructor({ channels = 4 }: { readonly channels?: number }) {
    super();
    this.saveHyperparameters({ channels });
    this.net = new nn.Sequential(
      new nn.Conv2d(1, channels, 3, { stride: 2 }),
      new nn.GroupNorm(2, channels),
      new nn.SiLU(),
      new nn.Conv2d(channels, 2 * channels, 3, { stride: 2, bias: false }),
      new nn.BatchNorm2d(2 * channels),
      new nn.ReLU(),
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
      new nn.Linear(2 * channels, 10),
    );
  }
  protected loss([x, y]: Batch): Tensor {
    return nn.functional.crossEntropy(this.net.forward(asImages(x)), y);
  }
}

interface RecurrentArgs {
  readonly cell?: "LSTM" | "GRU";
  readonly hidden?: number;
  readonly num_layers?: number;
  readonly freeze?: boolean;
}

/** A recurrent net that guesses the next token; its embedding may be frozen. */
export class Recurrent extends Trained {
  readonly embedding: nn.Embedding;
  readonly rnn: nn.LSTM | nn.GRU;
  readonly head: nn.Linear;
  constructor({ cell = "LSTM", hidden = 8, num_layers: numLayers = 1, freeze = false }: RecurrentArgs) {
    super();
    this.saveHyperparameters({ cell, hidden, num_layers: numLayers, freeze });
    this.embedding = new nn.Embedding(8, 6);
    this.embedding.weight.requiresGrad = !freeze;
    this.rnn = new nn[cell](6, hidden, { numLayers, batchFirst: true });
    this.head = new nn.Linear(hidden, 8);
  }
  protected loss([tokens, following]: Batch): Tensor {
    const [outputs] = this.rnn.forward(this.embedding.forward(tokens));
    return tokenLoss(this.head.forward(outputs), following);
  }
}

/** One matrix under two names. */
export class TiedAutoEncoder extends Trained {
  readonly encoder: nn.Sequential;
  readonly decoder: nn.Sequential;
  constructor({ hidden = 12 }: { readonly hidden?: number }) {
    super();
    this.saveHyperparameters({ hidden });
    const [inner, outer] = [new nn.Linear(784, hidden), new nn.Linear(hidden, hidden)];
    const mirror = new nn.Linear(hidden, hidden);
    this.encoder = new nn.Sequential(inner, new nn.Tanh(), outer);
    this.decoder = new nn.Sequential(mirror, new nn.Tanh(), new nn.Linear(hidden, 784));
    mirror.weight = outer.weight;
  }
  protected loss([x]: Batch): Tensor {
    return nn.functional.mseLoss(this.decoder.forward(this.encoder.forward(x)), x);
  }
}

/** torch's own encoder: packed projections, and layers that are copies of the first. */
export class Attentive extends Trained {
  readonly embedding: nn.Embedding;
  readonly encoder: nn.TransformerEncoder;
  readonly head: nn.Linear;
  constructor({ width = 8 }: { readonly width?: number }) {
    super();
    this.saveHyperparameters({ width });
    this.embedding = new nn.Embedding(8, width);
    const layer = new nn.TransformerEncoderLayer(width, 2, { dimFeedforward: 16, dropout: 0, batchFirst: true });
    this.encoder = new nn.TransformerEncoder(layer, 2);
    this.head = new nn.Linear(width, 8);
  }
  protected loss([tokens, following]: Batch): Tensor {
    return tokenLoss(this.head.forward(this.encoder.forward(this.embedding.forward(tokens))), following);
  }
}

/** The machine is taken away as the batch after `step` optimizer steps begins. */
export class Preempt extends Callback {
  readonly #step: number;
  constructor({ step }: { readonly step: number }) {
    super();
    this.#step = step;
  }
  override onTrainBatchStart(trainer: TrainerState): void {
    if (trainer.globalStep >= this.#step) throw new Error("preempted");
  }
}
