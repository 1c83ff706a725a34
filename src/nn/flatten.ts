import type { Tensor } from "../tensor/tf.js";
import { flatten, unflatten } from "./functional.js";
import { Module, type Layer } from "./module.js";

/** torch.nn.Flatten: axes startDim to endDim become one. */
export class Flatten extends Module implements Layer {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim);
  }
}

/** torch.nn.Unflatten: an axis becomes several; one of them may be -1. */
export class Unflatten extends Module implements Layer {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    this.dim = dim;
    this.unflattenedSize = unflattenedSize;
  }

  forward(x: Tensor): Tensor {
    return unflatten(x, this.dim, this.unflattenedSize);
  }
}

/** torch.nn.Identity. */
export class Identity extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return x;
  }
}
