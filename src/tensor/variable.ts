import type { DType } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { castHost } from "./cast.js";
import type { Tensor } from "./tf.js";
import { fromHost, toHost } from "./transfer.js";
import { tf } from "./tf.js";

/** Stands between a step and the Variables it touches while the step is being recorded. */
export interface VariableObserver {
  /** The tensor that stands for the variable's value. */
  read(variable: Variable): Tensor;
  assign(variable: Variable, next: Tensor): void;
}

let observer: VariableObserver | undefined;

/** Run `f` with every `value` and `assign` of every Variable going through `through`. */
export function observeVariables<Result>(through: VariableObserver, f: () => Result): Result {
  const outer = observer;
  observer = through;
  try {
    return f();
  } finally {
    observer = outer;
  }
}

/**
 * Run `f` without letting what it assigns take effect: within `f` a Variable reads as what it was assigned, afterwards it
 * is what it was. The tensors given back are kept; they are the caller's to dispose.
 */
export function holdAssignments(f: () => void): ReadonlyMap<Variable, Tensor> {
  const outer = observer;
  const held = new Map<Variable, Tensor>();
  const beneath = <Result>(read: () => Result): Result => {
    const inner = observer;
    observer = outer;
    try {
      return read();
    } finally {
      observer = inner;
    }
  };
  observer = {
    read: (variable) => held.get(variable) ?? beneath(() => variable.value),
    assign: (variable, next) => {
      held.get(variable)?.dispose();
      held.set(variable, tf.keep(next.clone()));
    },
  };
  try {
    f();
  } finally {
    observer = outer;
  }
  return held;
}

/**
 * A value that lives from step to step: a parameter, a buffer, an optimizer slot. Step functions read `value` and
 * `assign` what follows it; between steps an Executor may keep it wherever it likes (see Executor.read and write).
 * `dtype` is the dtype in the checkpoint; an int64 value is an int32 tensor while tfjs computes with it.
 */
export class Variable {
  readonly shape: readonly number[];
  #dtype: DType;
  #host: HostTensor | undefined;
  #tensor: Tensor | undefined;

  constructor(initial: HostTensor) {
    this.shape = initial.shape;
    this.#dtype = initial.dtype;
    this.#host = initial;
  }

  /** The dtype in the checkpoint. */
  get dtype(): DType {
    return this.#dtype;
  }

  /** The bytes that the variable was given last, as long as nobody has computed with it. */
  get untouched(): HostTensor | undefined {
    return this.#host;
  }

  /** The tensor of this moment. Owned by the variable: do not dispose it. */
  get value(): Tensor {
    if (observer !== undefined) return observer.read(this);
    if (this.#tensor === undefined) {
      if (this.#host === undefined) throw new Error("variable has no value: it was disposed");
      const host = this.#host;
      this.#tensor = tf.keep(tf.tidy(() => fromHost(host)));
      this.#host = undefined;
    }
    return this.#tensor;
  }

  /** Replace the value; the old tensor is given back. The shape may not change. */
  assign(next: Tensor): void {
    if (next.shape.length !== this.shape.length || next.shape.some((size, axis) => size !== this.shape[axis])) {
      throw new Error(`variable of shape [${this.shape.join(", ")}] cannot become [${next.shape.join(", ")}]`);
    }
    if (observer !== undefined) {
      observer.assign(this, next);
      return;
    }
    if (next === this.#tensor) return;
    const owned = next.kept ? next.clone() : next; // it may be another variable's value, and each gives back its own
    this.#tensor?.dispose();
    this.#tensor = tf.keep(owned);
    this.#host = undefined;
  }

  /** `tensor.to(dtype)` in place, for a Variable that no Executor holds yet. */
  async convert(dtype: DType): Promise<void> {
    const value = castHost(await this.read(), dtype);
    this.#dtype = dtype;
    this.write(value);
  }

  /** Replace the value by bytes of the same dtype and shape. */
  write(next: HostTensor): void {
    this.#tensor?.dispose();
    this.#tensor = undefined;
    this.#host = next;
  }

  /** The value as bytes of `dtype`; what was never computed with is given back as it came, bit for bit. */
  async read(): Promise<HostTensor> {
    return this.#host ?? toHost(this.value, this.dtype);
  }

  /** Give the tensor back; the variable is unusable afterwards until it is written. */
  dispose(): void {
    this.#tensor?.dispose();
    this.#tensor = undefined;
    this.#host = undefined;
  }
}
