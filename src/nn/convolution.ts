import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { requireWindow } from "./shapes.js";
import { pairOf, type Size2d } from "./size2d.js";

/** How a convolution moves over its input; torch's defaults. */
export interface Conv2dOptions {
  readonly stride?: Size2d;
  /** Zeros around the input: a number for each side, "same" for an output of the input's size, "valid" for none. */
  readonly padding?: Size2d | "same" | "valid";
  readonly dilation?: Size2d;
  readonly groups?: number;
}

/** The same along one axis. */
export interface Conv1dOptions {
  readonly stride?: number;
  readonly padding?: number | "same" | "valid";
  readonly dilation?: number;
  readonly groups?: number;
}

type Padding = [[number, number], [number, number], [number, number], [number, number]];
type Image = tf.Tensor4D;

// tfjs has images channels last, torch channels first. The transposes that follow from it meet their like from the layer
// before and after, and in a graph they cancel.
const TO_NHWC = [0, 2, 3, 1];
const TO_NCHW = [0, 3, 1, 2];
const TO_HWIO = [2, 3, 1, 0];

/** `F.conv2d`: x [N, C, H, W] or [C, H, W], weight [out, in / groups, height, width], bias [out]. */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: Conv2dOptions = {}): Tensor {
  if (x.rank === 3) return tf.squeeze(conv2d(tf.expandDims(x, 0), weight, bias, options), [0]);
  const { groups = 1 } = options;
  const [, channels = 0] = x.shape;
  const [out = 0, into = 0] = weight.shape;
  if (x.rank !== 4 || channels !== into * groups || out % groups !== 0) {
    throw new LtrainError(
      "argument.invalid",
      `a convolution of ${groups} group(s) with a weight of [${weight.shape.join(", ")}] takes [N, ${into * groups}, ` +
        `H, W], got [${x.shape.join(", ")}]`,
    );
  }
  const stride = [...pairOf(options.stride ?? 1)] as [number, number];
  const padding = paddingOf(options, weight.shape);
  const filters = spread(weight, pairOf(options.dilation ?? 1));
  requireWindow(x, filters.shape.slice(2), padding.slice(1, 3), "a convolution's filter");
  const images = tf.transpose(x, TO_NHWC) as Image;
  const result =
    groups > 1 && groups === channels
      ? tf.depthwiseConv2d(images, depthwiseFilter(filters, groups), stride, padding)
      : grouped(images, filters, groups, (image, filter) => tf.conv2d(image, filter, stride, padding));
  const features = tf.transpose(result, TO_NCHW);
  return bias === null ? features : tf.add(features, tf.reshape(bias, [out, 1, 1]));
}

/** `F.conv1d`: x [N, C, L] or [C, L], weight [out, in / groups, length], bias [out]. */
export function conv1d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: Conv1dOptions = {}): Tensor {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const result = conv2d(tf.expandDims(x, -2), tf.expandDims(weight, 2), bias, {
    stride: [1, stride],
    padding: typeof padding === "number" ? [0, padding] : padding,
    dilation: [1, dilation],
    groups,
  });
  return tf.squeeze(result, [result.rank - 2]);
}

function paddingOf({ padding = 0, stride = 1, dilation = 1 }: Conv2dOptions, weight: readonly number[]): Padding {
  if (padding === "valid") return explicit([0, 0], [0, 0]);
  if (padding !== "same") {
    const [height, width] = pairOf(padding);
    return explicit([height, height], [width, width]);
  }
  if (pairOf(stride).some((step) => step !== 1)) {
    throw new LtrainError("argument.invalid", 'padding "same" goes with a stride of 1 only, as in torch');
  }
  const [height, width] = pairOf(dilation).map((gap, axis): [number, number] => {
    const total = gap * ((weight[axis + 2] ?? 1) - 1);
    return [Math.floor(total / 2), total - Math.floor(total / 2)]; // torch puts the odd one behind
  });
  return explicit(height ?? [0, 0], width ?? [0, 0]);
}

function explicit(height: [number, number], width: [number, number]): Padding {
  return [[0, 0], height, width, [0, 0]];
}

/**
 * Dilation as a larger filter with zeros between its places: it has the same gradients on every engine, and goes with
 * any stride, while tfjs' own dilation has neither.
 */
export function spread(weight: Tensor, [vertical, horizontal]: readonly [number, number]): Tensor {
  if (vertical === 1 && horizontal === 1) return weight;
  const [out = 0, into = 0, height = 0, width = 0] = weight.shape;
  const apart = tf.pad(tf.reshape(weight, [out * into, height, 1, width, 1]), [
    [0, 0],
    [0, 0],
    [0, vertical - 1],
    [0, 0],
    [0, horizontal - 1],
  ]);
  const wide = tf.reshape(apart, [out, into, height * vertical, width * horizontal]);
  const kept = [out, into, (height - 1) * vertical + 1, (width - 1) * horizontal + 1];
  return tf.slice(wide, [0, 0, 0, 0], kept);
}

/** [C·M, 1, H, W] as tfjs has the filters of one channel each: [H, W, C, M]. */
function depthwiseFilter(weight: Tensor, channels: number): Image {
  const [out = 0, , height = 0, width = 0] = weight.shape;
  return tf.transpose(tf.reshape(weight, [channels, out / channels, height, width]), [2, 3, 0, 1]);
}

/** Each group of channels with its own filters, and their features side by side. */
function grouped(
  images: Image,
  weight: Tensor,
  groups: number,
  convolve: (image: Image, filter: Image) => Image,
): Image {
  if (groups === 1) return convolve(images, tf.transpose(weight, TO_HWIO) as Image);
  const parts: readonly Tensor[] = tf.split(images, groups, 3);
  const filters = tf.split(weight, groups, 0);
  return tf.concat(
    parts.map((part, i) => convolve(part as Image, tf.transpose(filters[i] ?? weight, TO_HWIO) as Image)),
    3,
  );
}
