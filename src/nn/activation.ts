import type { Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";
import { relu } from "./rectify.js";
import { logSoftmax, softmax, softmin } from "./softmax.js";
import {
  gelu,
  glu,
  logSigmoid,
  mish,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanh,
  tanhshrink,
  type GELUOptions,
  type SoftplusOptions,
} from "./squash.js";

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

/** torch.nn.LogSigmoid. */
export class LogSigmoid extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return logSigmoid(x);
  }
}

/** torch.nn.Softplus. */
export class Softplus extends Module implements Layer {
  readonly #options: SoftplusOptions;

  constructor(options: SoftplusOptions = {}) {
    super();
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return softplus(x, this.#options);
  }
}

/** torch.nn.Softsign. */
export class Softsign extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return softsign(x);
  }
}

/** torch.nn.Tanhshrink. */
export class Tanhshrink extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return tanhshrink(x);
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

/** torch.nn.Mish. */
export class Mish extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return mish(x);
  }
}

/** torch.nn.GLU over an axis, by default the last. */
export class GLU extends Module implements Layer {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  forward(x: Tensor): Tensor {
    return glu(x, this.dim);
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

/** torch.nn.Softmin over an axis, by default the last. */
export class Softmin extends Module implements Layer {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  forward(x: Tensor): Tensor {
    return softmin(x, this.dim);
  }
}

/** torch.nn.Softmax2d: over the channels of [N, C, H, W]. */
export class Softmax2d extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return softmax(x, -3);
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
