import type { StepFunction } from "../../src/engine/executor.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { float32Tensor, numelOf, scalarTensor } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Variable } from "../../src/tensor/variable.js";

/** Numbers that are the same everywhere: a linear congruential generator in [-1, 1). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** A float32 tensor of such numbers times `scale`. */
export function randomTensor(shape: readonly number[], seed: number, scale = 1): HostTensor {
  const next = numbers(seed);
  return float32Tensor(
    Float32Array.from({ length: numelOf(shape) }, () => next() * scale),
    shape,
  );
}

/** An autoencoder with Adam, written in tfjs ops only: two linear layers with a ReLU between, twice. */
export interface Autoencoder {
  readonly parameters: readonly Variable[];
  readonly variables: readonly Variable[];
  readonly step: StepFunction;
}

/** The autoencoder of the Lightning guide; sizes 784, 64, 3 there. Weights are [out, in] as torch keeps them. */
export function autoencoder(features: number, hidden: number, latent: number): Autoencoder {
  const sizes = [
    [features, hidden],
    [hidden, latent],
    [latent, hidden],
    [hidden, features],
  ] as const;
  const parameters = sizes.flatMap(([fanIn, fanOut], i) => {
    const bound = 1 / Math.sqrt(fanIn);
    return [
      new Variable(randomTensor([fanOut, fanIn], 100 + i, bound)),
      new Variable(randomTensor([fanOut], 200 + i, bound)),
    ];
  });
  const zeros = (): Variable[] =>
    parameters.map(({ shape }) => new Variable(float32Tensor(new Float32Array(numelOf(shape)), shape)));
  const firsts = zeros();
  const seconds = zeros();

  const forward = (x: Tensor, values: readonly Tensor[]): Tensor => {
    const linear = (input: Tensor, i: number): Tensor =>
      tf.add(tf.matMul(input, values[2 * i] as Tensor, false, true), values[2 * i + 1] as Tensor);
    return linear(tf.relu(linear(linear(tf.relu(linear(x, 0)), 1), 2)), 3);
  };

  const step: StepFunction = (inputs) => {
    const { x, stepSize, correction } = inputs as Record<"x" | "stepSize" | "correction", Tensor>;
    const { value, grads } = tf.engine().gradients(
      () => {
        const values = parameters.map((parameter) => parameter.value);
        return tf.mean(tf.square(tf.sub(forward(x, values), x)));
      },
      parameters.map((parameter) => parameter.value),
    );
    grads.forEach((gradient, i) => {
      const parameter = parameters[i] as Variable;
      const first = firsts[i] as Variable;
      const second = seconds[i] as Variable;
      const m = tf.add(first.value, tf.mul(tf.sub(gradient, first.value), 0.1));
      const v = tf.add(tf.mul(second.value, 0.999), tf.mul(tf.square(gradient), 0.001));
      const denominator = tf.add(tf.div(tf.sqrt(v), correction), 1e-8);
      const next = tf.sub(parameter.value, tf.mul(stepSize, tf.div(m, denominator)));
      first.assign(m);
      second.assign(v);
      parameter.assign(next);
    });
    return { loss: value };
  };
  return { parameters, variables: [...parameters, ...firsts, ...seconds], step };
}

/** A batch and Adam's two numbers for step `t` (from 1) with lr 1e-3. */
export function stepInputs(t: number, batch: number, features: number): Record<string, HostTensor> {
  return {
    x: randomTensor([batch, features], 1000 + t),
    stepSize: scalarTensor(1e-3 / (1 - 0.9 ** t)),
    correction: scalarTensor(Math.sqrt(1 - 0.999 ** t)),
  };
}
