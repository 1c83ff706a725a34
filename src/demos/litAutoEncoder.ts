import { LightningModule } from "../core/lightningModule.js";
import type { OptimizerSetup } from "../core/lightningModule.js";
import { ReLU } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { flatten, mseLoss } from "../nn/functional.js";
import { Linear } from "../nn/linear.js";
import { zerosTensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import { adamWithSteps } from "./adamWithSteps.js";

/** init_args of LitAutoEncoder, by their names in YAML and in the checkpoint. */
export interface LitAutoEncoderArgs {
  /** Width between input and code. */
  readonly hidden?: number;
  /** Width of the code. */
  readonly latent?: number;
  readonly lr?: number;
  /** Values of one example, flattened. */
  readonly in_features?: number;
  /** Epochs between two decays of the learning rate; without it there is none. */
  readonly step_size?: number | null;
  /** What a decay multiplies the learning rate by. */
  readonly gamma?: number;
}

/** A batch of examples, alone or first in a list. */
type Batch = Tensor | readonly [Tensor, ...Tensor[]];

/** The autoencoder of Lightning's guide: an encoder and a decoder of two linear layers each, trained on MSE with Adam. */
export class LitAutoEncoder extends LightningModule<Batch> {
  readonly encoder: Sequential;
  readonly decoder: Sequential;
  readonly #optimizer: { readonly lr: number; readonly step_size: number | null; readonly gamma: number };

  constructor(args: LitAutoEncoderArgs = {}) {
    super();
    const { hidden = 64, latent = 3, lr = 1e-3, in_features: inFeatures = 784, step_size = null, gamma = 0.1 } = args;
    this.saveHyperparameters({
      hidden,
      latent,
      lr,
      in_features: inFeatures,
      // Left out when unset: the same module in Python may not know them.
      ...(step_size === null ? {} : { step_size, gamma }),
    });
    this.encoder = new Sequential(new Linear(inFeatures, hidden), new ReLU(), new Linear(hidden, latent));
    this.decoder = new Sequential(new Linear(latent, hidden), new ReLU(), new Linear(hidden, inFeatures));
    this.exampleInputArray = zerosTensor("float32", [1, inFeatures]);
    this.#optimizer = { lr, step_size, gamma };
  }

  /** The reconstruction of flattened examples. */
  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.encoder.forward(x));
  }

  override trainingStep(batch: Batch): Tensor {
    const loss = this.#loss(batch);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override validationStep(batch: Batch): void {
    this.log("val_loss", this.#loss(batch), { progBar: true });
  }

  override testStep(batch: Batch): void {
    this.log("test_loss", this.#loss(batch), { progBar: true });
  }

  override predictStep(batch: Batch): Tensor {
    return this.forward(examplesOf(batch));
  }

  override configureOptimizers(): OptimizerSetup {
    return adamWithSteps(this.parameters(), this.#optimizer);
  }

  #loss(batch: Batch): Tensor {
    const x = examplesOf(batch);
    return mseLoss(this.forward(x), x);
  }
}

/** Flattened, [N, in_features]. */
function examplesOf(batch: Batch): Tensor {
  return flatten(isList(batch) ? batch[0] : batch, 1);
}

function isList(batch: Batch): batch is readonly [Tensor, ...Tensor[]] {
  return Array.isArray(batch);
}
