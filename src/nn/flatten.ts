import type { Tensor } from "../tensor/tf.js";
import { flatten } from "./functional.js";
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
