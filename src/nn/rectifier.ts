import { float32Tensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";
import { Parameter } from "./parameter.js";
import {
  celu,
  elu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  prelu,
  relu6,
  selu,
  softshrink,
  threshold,
} from "./rectify.js";

/** torch.nn.ReLU6. */
export class ReLU6 extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return relu6(x);
  }
}

/** torch.nn.LeakyReLU. */
export class LeakyReLU extends Module implements Layer {
  readonly negativeSlope: number;

  constructor({ negativeSlope = 0.01 }: { readonly negativeSlope?: number } = {}) {
    super();
    this.negativeSlope = negativeSlope;
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }
}

/** PReLU's options. */
export interface PReLUOptions {
  /** 1, or as many as the input has channels. */
  readonly numParameters?: number;
  readonly init?: number;
}

/** torch.nn.PReLU: a slope that is learned. */
export class PReLU extends Module implements Layer {
  readonly weight: Parameter;

  constructor({ numParameters = 1, init = 0.25 }: PReLUOptions = {}) {
    super();
    this.weight = new Parameter(float32Tensor(new Float32Array(numParameters).fill(init), [numParameters]));
  }

  forward(x: Tensor): Tensor {
    return prelu(x, this.weight.value);
  }
}

/** Options of ELU and CELU. */
export interface AlphaOptions {
  readonly alpha?: number;
}

/** torch.nn.ELU. */
export class ELU extends Module implements Layer {
  readonly alpha: number;

  constructor({ alpha = 1 }: AlphaOptions = {}) {
    super();
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }
}

/** torch.nn.CELU. */
export class CELU extends Module implements Layer {
  readonly alpha: number;

  constructor({ alpha = 1 }: AlphaOptions = {}) {
    super();
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return celu(x, this.alpha);
  }
}

/** torch.nn.SELU. */
export class SELU extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return selu(x);
  }
}

/** torch.nn.Threshold: `value` where x is not above the threshold. */
export class Threshold extends Module implements Layer {
  readonly threshold: number;
  readonly value: number;

  constructor(limit: number, value: number) {
    super();
    this.threshold = limit;
    this.value = value;
  }

  forward(x: Tensor): Tensor {
    return threshold(x, this.threshold, this.value);
  }
}

/** torch.nn.Hardtanh. */
export class Hardtanh extends Module implements Layer {
  readonly minVal: number;
  readonly maxVal: number;

  constructor({ minVal = -1, maxVal = 1 }: { readonly minVal?: number; readonly maxVal?: number } = {}) {
    super();
    this.minVal = minVal;
    this.maxVal = maxVal;
  }

  forward(x: Tensor): Tensor {
    return hardtanh(x, this.minVal, this.maxVal);
  }
}

/** torch.nn.Hardsigmoid. */
export class Hardsigmoid extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return hardsigmoid(x);
  }
}

/** torch.nn.Hardswish. */
export class Hardswish extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return hardswish(x);
  }
}

/** Options of Hardshrink and Softshrink. */
export interface ShrinkOptions {
  readonly lambd?: number;
}

/** torch.nn.Hardshrink. */
export class Hardshrink extends Module implements Layer {
  readonly lambd: number;

  constructor({ lambd = 0.5 }: ShrinkOptions = {}) {
    super();
    this.lambd = lambd;
  }

  forward(x: Tensor): Tensor {
    return hardshrink(x, this.lambd);
  }
}

/** torch.nn.Softshrink. */
export class Softshrink extends Module implements Layer {
  readonly lambd: number;

  constructor({ lambd = 0.5 }: ShrinkOptions = {}) {
    super();
    this.lambd = lambd;
  }

  forward(x: Tensor): Tensor {
    return softshrink(x, this.lambd);
  }
}
