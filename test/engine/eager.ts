import type { StepFunction } from "../../src/engine/executor.js";
import { toCompute, computeType } from "../../src/engine/hostValues.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";

import type { Variable } from "../../src/tensor/variable.js";
import { observeVariables } from "../../src/tensor/variable.js";

/** Bytes as a tfjs tensor. */
export function tensorOf(host: HostTensor): Tensor {
  return tf.tensor(toCompute(host), [...host.shape], computeType(host.dtype));
}

/** Runs steps in plain tfjs, with Variables of its own: what every compiled step is compared with. */
export class EagerReference {
  readonly #values = new Map<Variable, Tensor>();
  readonly #initial: ReadonlyMap<Variable, HostTensor>;

  private constructor(initial: ReadonlyMap<Variable, HostTensor>) {
    this.#initial = initial;
  }

  static async of(variables: readonly Variable[]): Promise<EagerReference> {
    const pairs = await Promise.all(variables.map(async (each) => [each, await each.read()] as const));
    return new EagerReference(new Map(pairs));
  }

  run(
    step: StepFunction,
    inputs: Readonly<Record<string, HostTensor>>,
  ): Record<string, Float32Array | Int32Array | Uint8Array> {
    const results = tf.tidy(() =>
      observeVariables(
        {
          read: (variable) => this.#read(variable),
          assign: (variable, next) => {
            this.#values.set(variable, tf.keep(next.clone()));
          },
        },
        () => step(Object.fromEntries(Object.entries(inputs).map(([name, host]) => [name, tensorOf(host)]))),
      ),
    );
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.dataSync().slice()]));
  }

  #read(variable: Variable): Tensor {
    const known = this.#values.get(variable);
    if (known !== undefined) return known;
    const host = this.#initial.get(variable);
    if (host === undefined) throw new Error("a variable that was not named");
    const value = tf.keep(tensorOf(host));
    this.#values.set(variable, value);
    return value;
  }
}
