import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { spread } from "./convolution.js";
import { pairOf, type Size2d } from "./size2d.js";

/** How a transposed convolution moves over its output; torch's defaults. */
export interface ConvTranspose2dOptions {
  readonly stride?: Size2d;
  /** What is cut off the output on each side. */
  readonly padding?: Size2d;
  /** What is added to the output behind, where several sizes would have had the input's size. */
  readonly outputPadding?: Size2d;
  readonly dilation?: Size2d;
  readonly groups?: number;
}

/** The same along one axis. */
export interface ConvTranspose1dOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly outputPadding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

type Shape4 = [number, number, number, number];
type Sides = [[number, number], [number, number], [number, number], [number, number]];

/** `F.conv_transpose2d`: x [N, C, H, W] or [C, H, W], weight [in, out / groups, height, width], bias [out]. */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTranspose2dOptions = {},
): Tensor {
  if (x.rank === 3) return tf.squeeze(convTranspose2d(tf.expandDims(x, 0), weight, bias, options), [0]);
  const { groups = 1 } = options;
  const [batch = 0, channels = 0, ...lengths] = x.shape;
  const [into = 0, outEach = 0] = weight.shape;
  if (x.rank !== 4 || channels !== into || into % groups !== 0) {
    throw new LtrainError(
      "argument.invalid",
      `a transposed convolution of ${groups} group(s) with a weight of [${weight.shape.join(", ")}] takes ` +
        `[N, ${into}, H, W], got [${x.shape.join(", ")}]`,
    );
  }
  const [stride, padding, extra] = [options.stride ?? 1, options.padding ?? 0, options.outputPadding ?? 0].map(pairOf);
  const filters = spread(weight, pairOf(options.dilation ?? 1));
  const [height = 0, width = 0] = lengths.map(
    (length, axis) =>
      (length - 1) * (stride?.[axis] ?? 1) -
      2 * (padding?.[axis] ?? 0) +
      (filters.shape[axis + 2] ?? 1) +
      (extra?.[axis] ?? 0),
  );
  if (height < 1 || width < 1) {
    throw new LtrainError(
      "argument.invalid",
      `nothing is left of [${x.shape.join(", ")}] after its padding is cut off`,
    );
  }
  const images = tf.transpose(x, [0, 2, 3, 1]);
  const [high = 0, wide = 0] = padding ?? [];
  const sides: Sides = [[0, 0], [high, high], [wide, wide], [0, 0]]; // prettier-ignore
  const shape: Shape4 = [batch, height, width, outEach];
  const run = (image: Tensor, filter: Tensor): tf.Tensor4D =>
    tf.conv2dTranspose(
      image as tf.Tensor4D,
      tf.transpose(filter, [2, 3, 1, 0]) as tf.Tensor4D,
      shape,
      [...(stride ?? [1, 1])],
      sides,
      "floor",
    );
  const parts: readonly Tensor[] = tf.split(images, groups, 3);
  const weights = tf.split(filters, groups, 0);
  const results = parts.map((part, i) => run(part, weights[i] ?? filters));
  const features = tf.transpose(groups === 1 ? (results[0] ?? images) : tf.concat(results, 3), [0, 3, 1, 2]);
  return bias === null ? features : tf.add(features, tf.reshape(bias, [outEach * groups, 1, 1]));
}

/** `F.conv_transpose1d`: x [N, C, L] or [C, L], weight [in, out / groups, length], bias [out]. */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTranspose1dOptions = {},
): Tensor {
  const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 } = options;
  const result = convTranspose2d(tf.expandDims(x, -2), tf.expandDims(weight, 2), bias, {
    stride: [1, stride],
    padding: [0, padding],
    outputPadding: [0, outputPadding],
    dilation: [1, dilation],
    groups,
  });
  return tf.squeeze(result, [result.rank - 2]);
}
