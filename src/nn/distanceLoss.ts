import type { Tensor } from "../tensor/tf.js";
import {
  cosineEmbeddingLoss,
  cosineSimilarity,
  hingeEmbeddingLoss,
  marginRankingLoss,
  pairwiseDistance,
  tripletMarginLoss,
  type MarginOptions,
  type PairwiseDistanceOptions,
  type TripletMarginLossOptions,
} from "./distance.js";
import { Module } from "./module.js";

/** torch.nn.CosineEmbeddingLoss: targets of 1 are to be alike, of -1 apart. */
export class CosineEmbeddingLoss extends Module {
  readonly #options: MarginOptions;

  constructor(options: MarginOptions = {}) {
    super();
    this.#options = options;
  }

  forward(x: Tensor, y: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(x, y, target, this.#options);
  }
}

/** torch.nn.HingeEmbeddingLoss for distances and targets of 1 and -1. */
export class HingeEmbeddingLoss extends Module {
  readonly #options: MarginOptions;

  constructor(options: MarginOptions = {}) {
    super();
    this.#options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return hingeEmbeddingLoss(input, target, this.#options);
  }
}

/** torch.nn.MarginRankingLoss: x above y where the target is 1. */
export class MarginRankingLoss extends Module {
  readonly #options: MarginOptions;

  constructor(options: MarginOptions = {}) {
    super();
    this.#options = options;
  }

  forward(x: Tensor, y: Tensor, target: Tensor): Tensor {
    return marginRankingLoss(x, y, target, this.#options);
  }
}

/** torch.nn.TripletMarginLoss. */
export class TripletMarginLoss extends Module {
  readonly #options: TripletMarginLossOptions;

  constructor(options: TripletMarginLossOptions = {}) {
    super();
    this.#options = options;
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this.#options);
  }
}

/** torch.nn.PairwiseDistance over the last axis. */
export class PairwiseDistance extends Module {
  readonly #options: PairwiseDistanceOptions;

  constructor(options: PairwiseDistanceOptions = {}) {
    super();
    this.#options = options;
  }

  forward(x: Tensor, y: Tensor): Tensor {
    return pairwiseDistance(x, y, this.#options);
  }
}

/** torch.nn.CosineSimilarity along an axis. */
export class CosineSimilarity extends Module {
  readonly dim: number;
  readonly eps: number;

  constructor({ dim = 1, eps = 1e-8 }: { readonly dim?: number; readonly eps?: number } = {}) {
    super();
    this.dim = dim;
    this.eps = eps;
  }

  forward(x: Tensor, y: Tensor): Tensor {
    return cosineSimilarity(x, y, this.dim, this.eps);
  }
}
