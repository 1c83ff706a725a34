import { Parameter } from "../../src/nn/parameter.js";
import type { Optimizer } from "../../src/optim/index.js";
import type { PyValue } from "../../src/pickle/values.js";
import { float32Tensor, float32Values, type HostTensor } from "../../src/storage/hostTensor.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import type { Variable } from "../../src/tensor/variable.js";

/** Reads a Variable that no executor holds. */
export const read = (variable: Variable): Promise<HostTensor> => variable.read();
/** Writes one. */
export const write = (variable: Variable, value: HostTensor): void => {
  variable.write(value);
};
/** A parameter of zeros, or of the values given. */
export const parameter = (shape: readonly number[], values?: readonly number[]): Parameter =>
  new Parameter(
    float32Tensor(
      values === undefined ? new Float32Array(shape.reduce((a, b) => a * b, 1)) : Float32Array.from(values),
      shape,
    ),
  );

/** One step with given gradients, as an eager executor does it. */
export function step(
  optimizer: Optimizer,
  params: readonly Parameter[],
  grads: readonly (readonly number[] | null)[],
): string[] {
  const scalars = optimizer.hostScalars();
  tf.tidy(() => {
    const tensors = new Map<Parameter, Tensor>();
    params.forEach((param, i) => {
      const grad = grads[i];
      if (grad) tensors.set(param, tf.tensor([...grad], [...param.shape]));
    });
    optimizer.applyGradients(tensors, (name) => tf.scalar(scalars[name] ?? NaN));
  });
  optimizer.afterStep();
  return Object.keys(scalars);
}

/** The numbers in a tensor of a state. */
export async function numbers(value: PyValue | undefined): Promise<number[]> {
  return value instanceof StoredTensor ? [...float32Values(await readTensor(value))] : [];
}
