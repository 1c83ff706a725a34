import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";

/** The tensors of one direction of one layer; both biases are null together. */
export interface CellWeights {
  /** [gates · hidden, input] and [gates · hidden, hidden]. */
  readonly input: Tensor;
  readonly hidden: Tensor;
  /** [gates · hidden] each. */
  readonly inputBias: Tensor | null;
  readonly hiddenBias: Tensor | null;
}

/** What a cell carries from step to step: the hidden state and, in an LSTM, the cell's. */
export type CellState = readonly [Tensor] | readonly [Tensor, Tensor];

/** Which recurrence. */
export type CellKind = "LSTM" | "GRU" | "RNN_TANH" | "RNN_RELU";

/** How many blocks of rows the weights of each kind have. */
export const GATES = { LSTM: 4, GRU: 3, RNN_TANH: 1, RNN_RELU: 1 } as const satisfies Record<CellKind, number>;

/**
 * One direction of one layer over [length, N, input]: outputs [length, N, hidden], and the state after the last step.
 * The inputs of all steps are multiplied at once; what is left for each step is the product with the hidden state.
 */
export function runCell(
  kind: CellKind,
  x: Tensor,
  state: CellState,
  weights: CellWeights,
  isReverse: boolean,
): { readonly outputs: Tensor; readonly state: CellState } {
  const [length = 0, batch = 0, width = 0] = x.shape;
  if (length === 0)
    throw new LtrainError("argument.invalid", `a recurrent layer needs a step or more, got [${x.shape.join(", ")}]`);
  const { inputBias, hiddenBias } = weights;
  const product = tf.matMul(tf.reshape(x, [length * batch, width]), weights.input, false, true);
  // A GRU multiplies what comes from the hidden state before it adds: its second bias has to wait.
  const early = inputBias === null || hiddenBias === null || kind === "GRU" ? inputBias : tf.add(inputBias, hiddenBias);
  const projected = early === null ? product : tf.add(product, early);
  const steps = tf.unstack(tf.reshape(projected, [length, batch, projected.shape[1] ?? 0]), 0);
  // A copy is reversed: the tape keeps the list that it gave.
  const order = isReverse ? [...steps].reverse() : steps;
  let current = state;
  const outputs = order.map((step) => {
    current = advance(kind, step, current, weights);
    return current[0];
  });
  if (isReverse) outputs.reverse();
  return { outputs: tf.stack(outputs, 0), state: current };
}

function advance(kind: CellKind, step: Tensor, state: CellState, weights: CellWeights): CellState {
  const [h] = state;
  const recurrent = tf.matMul(h, weights.hidden, false, true);
  switch (kind) {
    case "RNN_TANH":
      return [tf.tanh(tf.add(step, recurrent))];
    case "RNN_RELU":
      return [tf.relu(tf.add(step, recurrent))];
    case "LSTM": {
      const [input = step, forget = step, candidate = step, output = step] = tf.split(tf.add(step, recurrent), 4, 1);
      const kept = tf.mul(tf.sigmoid(forget), state[1] ?? h);
      const cell = tf.add(kept, tf.mul(tf.sigmoid(input), tf.tanh(candidate)));
      return [tf.mul(tf.sigmoid(output), tf.tanh(cell)), cell];
    }
    case "GRU": {
      const { hiddenBias } = weights;
      const carried = hiddenBias === null ? recurrent : tf.add(recurrent, hiddenBias);
      const [resetIn = step, updateIn = step, newIn = step] = tf.split(step, 3, 1);
      const [resetHidden = step, updateHidden = step, newHidden = step] = tf.split(carried, 3, 1);
      const reset = tf.sigmoid(tf.add(resetIn, resetHidden));
      const update = tf.sigmoid(tf.add(updateIn, updateHidden));
      const candidate = tf.tanh(tf.add(newIn, tf.mul(reset, newHidden)));
      return [tf.add(candidate, tf.mul(update, tf.sub(h, candidate)))];
    }
    default:
      kind satisfies never;
      throw new TypeError("unreachable");
  }
}
