import type { Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";

/** torch.nn.ModuleList: modules by number, seen by the module that holds the list. */
export class ModuleList<M extends Module = Module> extends Module {
  readonly #modules: readonly M[];

  constructor(modules: readonly M[]) {
    super();
    this.#modules = modules;
  }

  get length(): number {
    return this.#modules.length;
  }
  at(index: number): M | undefined {
    return this.#modules.at(index);
  }
  [Symbol.iterator](): Iterator<M> {
    return this.#modules[Symbol.iterator]();
  }
  protected override members(): Iterable<readonly [string, unknown]> {
    return this.#modules.map((module, index) => [String(index), module]);
  }
}

/** torch.nn.Sequential: layers by number, one after the other. */
export class Sequential extends ModuleList<Module & Layer> implements Layer {
  constructor(...layers: readonly (Module & Layer)[]) {
    super(layers);
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this) y = layer.forward(y);
    return y;
  }
}
