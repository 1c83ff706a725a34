import { float32Tensor, type HostTensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  klDiv,
  nllLoss,
  softMarginLoss,
  type KLDivLossOptions,
} from "./classification.js";
import { Module } from "./module.js";
import { Buffer } from "./parameter.js";
import type { LossOptions, Reduction } from "./reduction.js";

/** Weights of classes or elements: a list for one axis, or a tensor. */
export type LossWeights = readonly number[] | HostTensor;

/** Options of losses over classes. */
export interface ClassLossOptions extends LossOptions {
  /** How much each class counts. */
  readonly weight?: LossWeights | null;
  /** A target that does not count; -100 when it is not given. */
  readonly ignoreIndex?: number;
}

/** CrossEntropyLoss's options. */
export interface CrossEntropyLossLayerOptions extends ClassLossOptions {
  readonly labelSmoothing?: number;
}

/** BCEWithLogitsLoss's options. */
export interface BCEWithLogitsLossLayerOptions extends LossOptions {
  readonly weight?: LossWeights | null;
  /** How much positive examples count, for each class. */
  readonly posWeight?: LossWeights | null;
}

/** torch.nn.NLLLoss: for log-probabilities and integer targets. */
export class NLLLoss extends Module {
  readonly weight: Buffer | null;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;

  constructor({ weight = null, ignoreIndex = -100, reduction = "mean" }: ClassLossOptions = {}) {
    super();
    this.weight = bufferOf(weight);
    this.ignoreIndex = ignoreIndex;
    this.reduction = reduction;
  }

  forward(logProbabilities: Tensor, target: Tensor): Tensor {
    const { ignoreIndex, reduction } = this;
    return nllLoss(logProbabilities, target, { weight: this.weight?.value ?? null, ignoreIndex, reduction });
  }
}

/** torch.nn.CrossEntropyLoss: for logits and targets that are integers or, in the logits' shape, probabilities. */
export class CrossEntropyLoss extends Module {
  readonly weight: Buffer | null;
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  readonly reduction: Reduction;

  constructor(options: CrossEntropyLossLayerOptions = {}) {
    super();
    this.weight = bufferOf(options.weight ?? null);
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.labelSmoothing = options.labelSmoothing ?? 0;
    this.reduction = options.reduction ?? "mean";
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    const { ignoreIndex, labelSmoothing, reduction } = this;
    const weight = this.weight?.value ?? null;
    return crossEntropy(logits, target, { weight, ignoreIndex, labelSmoothing, reduction });
  }
}

/** torch.nn.BCELoss: for probabilities. */
export class BCELoss extends Module {
  readonly weight: Buffer | null;
  readonly reduction: Reduction;

  constructor({ weight = null, reduction = "mean" }: LossOptions & { readonly weight?: LossWeights | null } = {}) {
    super();
    this.weight = bufferOf(weight);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, { weight: this.weight?.value ?? null, reduction: this.reduction });
  }
}

/** torch.nn.BCEWithLogitsLoss. */
export class BCEWithLogitsLoss extends Module {
  readonly weight: Buffer | null;
  // A name of the checkpoint: it keeps torch's spelling.
  readonly pos_weight: Buffer | null;
  readonly reduction: Reduction;

  constructor({ weight = null, posWeight = null, reduction = "mean" }: BCEWithLogitsLossLayerOptions = {}) {
    super();
    this.weight = bufferOf(weight);
    this.pos_weight = bufferOf(posWeight);
    this.reduction = reduction;
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropyWithLogits(logits, target, {
      weight: this.weight?.value ?? null,
      posWeight: this.pos_weight?.value ?? null,
      reduction: this.reduction,
    });
  }
}

/** torch.nn.KLDivLoss. */
export class KLDivLoss extends Module {
  readonly #options: KLDivLossOptions;

  constructor(options: KLDivLossOptions = {}) {
    super();
    this.#options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, this.#options);
  }
}

/** torch.nn.SoftMarginLoss. */
export class SoftMarginLoss extends Module {
  readonly #options: LossOptions;

  constructor(options: LossOptions = {}) {
    super();
    this.#options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return softMarginLoss(input, target, this.#options);
  }
}

function bufferOf(weights: LossWeights | null): Buffer | null {
  if (weights === null) return null;
  return new Buffer("bytes" in weights ? weights : float32Tensor(Float32Array.from(weights), [weights.length]));
}
