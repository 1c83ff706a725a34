import type { Tensor } from "../tensor/tf.js";
import { relu, sigmoid, tanh } from "./functional.js";
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
