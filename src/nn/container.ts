import { LtrainError } from "../errors.js";
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

/** torch.nn.ModuleDict: modules by name, each with its own type, seen by the module that holds the dictionary. */
export class ModuleDict<Modules extends Readonly<Record<string, Module>>> extends Module {
  readonly #modules: Modules;

  constructor(modules: Modules) {
    super();
    this.#modules = modules;
  }

  get size(): number {
    return this.keys().length;
  }
  has(name: string): boolean {
    return Object.hasOwn(this.#modules, name);
  }
  /** The module of a name; argument.invalid where there is none. */
  get<Name extends keyof Modules & string>(name: Name): Modules[Name] {
    if (!this.has(name)) throw new LtrainError("argument.invalid", `no module "${name}": ${this.keys().join(", ")}`);
    return this.#modules[name];
  }
  keys(): readonly string[] {
    return Object.keys(this.#modules);
  }
  protected override members(): Iterable<readonly [string, unknown]> {
    return Object.entries(this.#modules);
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
