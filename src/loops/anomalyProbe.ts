import { Module } from "../nn/module.js";
import type { Parameter } from "../nn/parameter.js";
import { noGrad } from "../tensor/gradients.js";
import { tf, type Tensor } from "../tensor/tf.js";

/** One place in a step where a number that is not finite may come from. */
export interface AnomalySite {
  /** Path of the module, or what else it is. */
  readonly where: string;
  readonly pass: "forward" | "backward";
}

interface Check {
  readonly site: AnomalySite;
  /** 0-dim bool, kept. */
  readonly isBad: Tensor;
}

type Forward = (...args: unknown[]) => unknown;

/** Looks at what every module of a step gives and, going back, passes on; torch's detect_anomaly, with the module's name. */
export class AnomalyProbe {
  readonly #module: Module;
  readonly #checksBackward: boolean;
  readonly #forward: Check[] = [];
  readonly #backward: Check[] = [];
  /** The modules whose forward is under way. */
  readonly #callers: string[] = ["trainingStep"];

  constructor(module: Module, checksBackward: boolean) {
    this.#module = module;
    this.#checksBackward = checksBackward;
  }

  /** Run `body` with every module's forward looked at. */
  watch<T>(body: () => T): T {
    const restores: (() => void)[] = [];
    try {
      for (const [path, module] of this.#module.namedModules()) {
        if (path !== "" && hasForward(module)) restores.push(this.#wrap(path, module));
      }
      return body();
    } finally {
      for (const restore of restores) restore();
    }
  }

  /** Look at values that no module gave: the batch, the loss. */
  check(where: string, values: unknown): void {
    for (const tensor of floatsIn(values)) this.#note(this.#forward, { where, pass: "forward" }, tensor);
  }

  /** Look at the gradients of parameters. */
  checkGradients(gradients: ReadonlyMap<Parameter, Tensor>): void {
    if (!this.#checksBackward) return;
    for (const [name, parameter] of this.#module.namedParameters()) {
      const gradient = gradients.get(parameter);
      if (gradient !== undefined) this.#note(this.#backward, { where: name, pass: "backward" }, gradient);
    }
  }

  /** The places in the order in which a step comes by them. */
  get sites(): readonly AnomalySite[] {
    return this.#checks.map(({ site }) => site);
  }

  /** The number of the first bad place as a 0-dim float32 tensor; how many places there are where none is bad. */
  first(): Tensor {
    const checks = this.#checks;
    const count = checks.length;
    if (count === 0) return tf.scalar(0);
    const bad = tf.stack(checks.map(({ isBad }) => tf.cast(isBad, "float32")));
    const numbers = tf.tensor1d(checks.map((_, i) => i - count));
    return tf.min(tf.add(tf.mul(bad, numbers), count));
  }

  /** Give back what was kept. */
  dispose(): void {
    for (const { isBad } of this.#checks) isBad.dispose();
  }

  get #checks(): readonly Check[] {
    return [...this.#forward, ...this.#backward];
  }

  #wrap(path: string, module: Module & { forward: Forward }): () => void {
    const own = Object.getOwnPropertyDescriptor(module, "forward");
    const forward = module.forward.bind(module);
    const value = (...args: unknown[]): unknown => {
      const caller = this.#callers.at(-1) ?? "trainingStep";
      const inputs = args.map((arg) => this.#through(arg, path));
      this.#callers.push(path);
      let output: unknown;
      try {
        output = forward(...inputs);
      } finally {
        this.#callers.pop();
      }
      this.check(path, output);
      // What comes back here is not finite because of whoever took it: a module next to this one, or the caller itself.
      return this.#through(output, caller);
    };
    Object.defineProperty(module, "forward", { value, enumerable: false, configurable: true, writable: true });
    return () => {
      if (own === undefined) Reflect.deleteProperty(module, "forward");
      else Object.defineProperty(module, "forward", own);
    };
  }

  /** The same tensors, whose gradients are looked at when they come back. */
  #through(value: unknown, where: string): unknown {
    if (!this.#checksBackward) return value;
    if (value instanceof tf.Tensor) {
      if (value.dtype !== "float32") return value;
      const run = tf.customGrad((x) => ({
        value: tf.clone(x as Tensor),
        gradFunc: (gradient: Tensor) => {
          this.#note(this.#backward, { where, pass: "backward" }, gradient);
          return tf.clone(gradient);
        },
      }));
      return run(value as Tensor);
    }
    if (Array.isArray(value)) return value.map((each: unknown) => this.#through(each, where));
    return value;
  }

  #note(checks: Check[], site: AnomalySite, tensor: Tensor): void {
    // NaN and infinity times zero are NaN, all else is zero: one sum tells of every element.
    const isBad = noGrad(() => tf.tidy(() => tf.isNaN(tf.sum(tf.mul(tensor, 0)))));
    checks.push({ site, isBad: tf.keep(isBad) });
  }
}

function hasForward(module: Module): module is Module & { forward: Forward } {
  return "forward" in module && typeof module.forward === "function";
}

function floatsIn(values: unknown): Tensor[] {
  if (values instanceof tf.Tensor) return values.dtype === "float32" ? [values as Tensor] : [];
  if (Array.isArray(values)) return values.flatMap(floatsIn);
  if (typeof values !== "object" || values === null || values instanceof Module) return [];
  return Object.values(values).flatMap(floatsIn);
}
