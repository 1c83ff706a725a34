import * as tf from "@tensorflow/tfjs-core";

/** The attributes that a kernel was called with; their types are the kernel's. */
export type Attributes = Readonly<Record<string, unknown>>;

/** The gradient of one input, from that of the result, the inputs and the attributes. */
export type InputRule = (dy: tf.Tensor, inputs: readonly tf.Tensor[], attributes: Attributes) => tf.Tensor;

/** The gradient of the only input, from that of the result, the result and the attributes. */
export type OutputRule = (dy: tf.Tensor, y: tf.Tensor, attributes: Attributes) => tf.Tensor;

/** A derivative that needs the kernel's inputs: one rule for each, by the input's name. */
export function fromInputs(kernelName: string, rules: Readonly<Record<string, InputRule>>): tf.GradConfig {
  return {
    kernelName,
    inputsToSave: Object.keys(rules),
    gradFunc: (dy, saved, attributes) =>
      Object.fromEntries(
        Object.entries(rules).map(([name, rule]) => [name, () => apart(rule(only(dy), saved, attributes), dy)]),
      ),
  };
}

/** A derivative that needs the kernel's result, which is often cheaper than computing it again. */
export function fromOutput(kernelName: string, input: string, rule: OutputRule): tf.GradConfig {
  return {
    kernelName,
    outputsToSave: [true],
    gradFunc: (dy, [y], attributes) => ({ [input]: () => apart(rule(only(dy), defined(y), attributes), dy) }),
  };
}

/** A derivative of a kernel that takes a list of tensors. */
export function fromList(
  kernelName: string,
  rule: (dy: tf.Tensor, inputs: readonly tf.Tensor[], attributes: Attributes) => readonly tf.Tensor[],
): tf.GradConfig {
  return {
    kernelName,
    saveAllInputs: true,
    gradFunc: (dy, saved, attributes) =>
      Object.fromEntries(
        saved.map((_, i) => [String(i), () => apart(defined(rule(only(dy), saved, attributes)[i]), dy)]),
      ),
  };
}

/** Sum a gradient over the axes along which an operand of this shape was broadcast. */
export function unbroadcast(grad: tf.Tensor, shape: readonly number[]): tf.Tensor {
  if (grad.shape.join() === shape.join()) return grad;
  const axes = tf.broadcast_util.getReductionAxes([...shape], grad.shape);
  return tf.reshape(axes.length === 0 ? grad : tf.sum(grad, axes), [...shape]);
}

/** A gradient of its own for each input: the tape disposes of one as soon as it has been added to another. */
function apart(grad: tf.Tensor, dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  return grad === dy ? tf.clone(grad) : grad;
}

function only(dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  return Array.isArray(dy) ? defined(dy[0]) : dy;
}

/** What the tape promises to be there. */
export function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the tape did not keep what a derivative needs");
  return value;
}
