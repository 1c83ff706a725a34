import type { Tensor } from "../tensor/tf.js";
import { gelu, logSoftmax, relu, sigmoid, silu, softmax, tanh, type GELUOptions } from "./functional.js";
import { Module, type Layer } from "./module.js";

/** torch.nn.ReLU. */
export class ReLU extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** torch.nn.Tanh. */
export class Tanh extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** torch.nn.Sigmoid. */
export class Sigmoid extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** torch.nn.GELU. */
export class GELU extends Module implements Layer {
  readonly #options: GELUOptions;

  constructor(options: GELUOptions = {}) {
    super();
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.#options);
  }
}

/** torch.nn.SiLU. */
export class SiLU extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** torch.nn.Softmax over an axis, by default the last. */
export class Softmax extends Module implements Layer {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
}

/** torch.nn.LogSoftmax over an axis, by default the last. */
export class LogSoftmax extends Module implements Layer {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
}

/** torch.nn.Identity. */
export class Identity extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return x;
  }
}
