import type { OptimizerSetup } from "../core/lightningModule.js";
import { LightningModule } from "../core/lightningModule.js";
import { LtrainError } from "../errors.js";
import { Embedding } from "../nn/embedding.js";
import { crossEntropy } from "../nn/functional.js";
import { Linear } from "../nn/linear.js";
import type { Parameter } from "../nn/parameter.js";
import { AdamW } from "../optim/adamW.js";
import { float32Tensor, zerosTensor } from "../storage/hostTensor.js";
import { defaultGenerator, normal_ } from "../tensor/generator.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { Transformer, type TransformerArgs } from "./transformer.js";

/** init_args of CharGPT, by their names in YAML and in the checkpoint; nanoGPT's. */
export interface CharGPTArgs extends Partial<TransformerArgs> {
  readonly lr?: number;
  readonly weight_decay?: number;
}

/** Token numbers [N, length], and the token that follows each of them. */
type Batch = readonly [Tensor, Tensor];

/** The deviation of GPT-2's first weights. */
const INITIAL_STD = 0.02;

/** A small GPT over characters, built as nanoGPT is: norms before, the head tied to the token embedding, AdamW. */
export class CharGPT extends LightningModule<Batch> {
  readonly transformer: Transformer;
  readonly lm_head: Linear;
  readonly #optimizer: { readonly lr: number; readonly weightDecay: number };

  constructor(args: CharGPTArgs = {}) {
    super();
    const { vocab_size = 96, block_size = 64, n_layer = 4, n_head = 4, n_embd = 128, dropout = 0, bias = true } = args;
    const { lr = 1e-3, weight_decay: weightDecay = 0.01 } = args;
    if (n_embd % n_head !== 0) {
      throw new LtrainError("config.invalid", `CharGPT: n_embd ${n_embd} cannot be divided among ${n_head} heads`);
    }
    const measures: TransformerArgs = { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias };
    this.saveHyperparameters({ ...measures, lr, weight_decay: weightDecay });
    this.transformer = new Transformer(measures);
    this.lm_head = new Linear(n_embd, vocab_size, { bias: false });
    this.transformer.wte.weight = this.lm_head.weight;
    this.#initialise(n_layer);
    this.exampleInputArray = zerosTensor("int64", [1, block_size]);
    this.#optimizer = { lr, weightDecay };
  }

  /** Logits [N, length, vocab_size] for the token that follows each one. */
  forward(tokens: Tensor): Tensor {
    return this.lm_head.forward(this.transformer.forward(tokens));
  }

  override trainingStep(batch: Batch): Tensor {
    const loss = this.#loss(batch);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override validationStep(batch: Batch): void {
    this.log("val_loss", this.#loss(batch), { progBar: true });
  }

  override configureOptimizers(): OptimizerSetup {
    return new AdamW(this.parameters(), this.#optimizer);
  }

  #loss([x, y]: Batch): Tensor {
    const logits = this.forward(x);
    return crossEntropy(tf.reshape(logits, [-1, logits.shape.at(-1) ?? 0]), tf.reshape(y, [-1]));
  }

  /** nanoGPT's draws in its order: all matrices (the tied one twice), then again those that lead back to the residuals. */
  #initialise(layers: number): void {
    for (const [, module] of this.namedModules()) {
      if (module instanceof Linear || module instanceof Embedding) redraw(module.weight, INITIAL_STD);
      if (module instanceof Linear && module.bias !== null) {
        module.bias.write(float32Tensor(new Float32Array(module.bias.shape[0] ?? 0), module.bias.shape));
      }
    }
    for (const [name, parameter] of this.namedParameters()) {
      if (name.endsWith("c_proj.weight")) redraw(parameter, INITIAL_STD / Math.sqrt(2 * layers));
    }
  }
}

function redraw(parameter: Parameter, std: number): void {
  const count = parameter.shape.reduce((product, size) => product * size, 1);
  parameter.write(float32Tensor(normal_(defaultGenerator, count, 0, std), parameter.shape));
}
