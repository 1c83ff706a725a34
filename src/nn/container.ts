import type { Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";
import type { Parameter } from "./parameter.js";

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

/** torch.nn.ModuleDict: modules by name, seen by the module that holds the dictionary. */
export class ModuleDict<M extends Module = Module> extends Module {
  readonly #modules: ReadonlyMap<string, M>;

  constructor(modules: Readonly<Record<string, M>>) {
    super();
    this.#modules = new Map(Object.entries(modules));
  }

  get size(): number {
    return this.#modules.size;
  }
  get(name: string): M | undefined {
    return this.#modules.get(name);
  }
  keys(): Iterable<string> {
    return this.#modules.keys();
  }
  [Symbol.iterator](): Iterator<[string, M]> {
    return this.#modules[Symbol.iterator]();
  }
  protected override members(): Iterable<readonly [string, unknown]> {
    return this.#modules;
  }
}

/** torch.nn.ParameterList: parameters by number. */
export class ParameterList extends Module {
  readonly #parameters: readonly Parameter[];

  constructor(parameters: readonly Parameter[]) {
    super();
    this.#parameters = parameters;
  }

  get length(): number {
    return this.#parameters.length;
  }
  at(index: number): Parameter | undefined {
    return this.#parameters.at(index);
  }
  [Symbol.iterator](): Iterator<Parameter> {
    return this.#parameters[Symbol.iterator]();
  }
  protected override members(): Iterable<readonly [string, unknown]> {
    return this.#parameters.map((parameter, index) => [String(index), parameter]);
  }
}

/** torch.nn.ParameterDict: parameters by name. */
export class ParameterDict extends Module {
  readonly #parameters: ReadonlyMap<string, Parameter>;

  constructor(parameters: Readonly<Record<string, Parameter>>) {
    super();
    this.#parameters = new Map(Object.entries(parameters));
  }

  get size(): number {
    return this.#parameters.size;
  }
  get(name: string): Parameter | undefined {
    return this.#parameters.get(name);
  }
  [Symbol.iterator](): Iterator<[string, Parameter]> {
    return this.#parameters[Symbol.iterator]();
  }
  protected override members(): Iterable<readonly [string, unknown]> {
    return this.#parameters;
  }
}
