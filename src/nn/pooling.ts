import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { requireWindow } from "./shapes.js";
import { pairOf, type Size2d } from "./size2d.js";

/** How a pooling window moves; torch's defaults. */
export interface PoolOptions {
  /** The window's own size when it is not given. */
  readonly stride?: Size2d;
  readonly padding?: Size2d;
  /** Whether a window that begins inside and ends outside counts too. */
  readonly ceilMode?: boolean;
}

/** AvgPool2d's options. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether the zeros of the padding are among what is averaged. */
  readonly countIncludePad?: boolean;
}

/** How a pooling window moves along one axis. */
export interface Pool1dOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly ceilMode?: boolean;
}

/** AvgPool1d's options. */
export interface AvgPool1dOptions extends Pool1dOptions {
  readonly countIncludePad?: boolean;
}

type Image = tf.Tensor4D;
type Sides = [[number, number], [number, number], [number, number], [number, number]];

interface Windows {
  readonly size: [number, number];
  readonly stride: [number, number];
  /** Padding as asked for, and what ceilMode adds behind it. */
  readonly padding: Sides;
  readonly overhang: Sides;
}

const TO_NHWC = [0, 2, 3, 1];
const TO_NCHW = [0, 3, 1, 2];

/** `F.max_pool2d` over [N, C, H, W] or [C, H, W]; of equal values the first takes the gradient. */
export function maxPool2d(x: Tensor, kernelSize: Size2d, options: PoolOptions = {}): Tensor {
  return pooled(x, kernelSize, options, (images, { size, stride, padding, overhang }) => {
    const around = padded(padded(images, padding, -Infinity), overhang, -Infinity);
    return tf.maxPool(around, size, stride, "valid");
  });
}

/** `F.avg_pool2d` over [N, C, H, W] or [C, H, W]. */
export function avgPool2d(x: Tensor, kernelSize: Size2d, options: AvgPoolOptions = {}): Tensor {
  return pooled(x, kernelSize, options, (images, { size, stride, padding, overhang }) => {
    const average = tf.avgPool(padded(padded(images, padding, 0), overhang, 0), size, stride, "valid");
    const isPadded = sum(padding) > 0;
    if (sum(overhang) === 0 && (!isPadded || (options.countIncludePad ?? true))) return average;
    // The share of each window that counts: what ceilMode adds never does.
    const [, height, width] = images.shape;
    const inside = padded(
      tf.ones<tf.Rank.R4>([1, height, width, 1]),
      padding,
      options.countIncludePad === false ? 0 : 1,
    );
    return tf.div(average, tf.avgPool(padded(inside, overhang, 0), size, stride, "valid"));
  });
}

/** `F.max_pool1d` over [N, C, L] or [C, L]. */
export function maxPool1d(x: Tensor, kernelSize: number, options: Pool1dOptions = {}): Tensor {
  return tf.squeeze(maxPool2d(tf.expandDims(x, -2), [1, kernelSize], wide(kernelSize, options)), [x.rank - 1]);
}

/** `F.avg_pool1d` over [N, C, L] or [C, L]. */
export function avgPool1d(x: Tensor, kernelSize: number, options: AvgPool1dOptions = {}): Tensor {
  const { countIncludePad = true } = options;
  const flat = { ...wide(kernelSize, options), countIncludePad };
  return tf.squeeze(avgPool2d(tf.expandDims(x, -2), [1, kernelSize], flat), [x.rank - 1]);
}

/** `F.adaptive_avg_pool1d` over [..., L]: averages of so many windows, which together cover all and may overlap. */
export function adaptiveAvgPool1d(x: Tensor, outputSize: number): Tensor {
  const length = x.shape.at(-1) ?? 1;
  if (outputSize === length) return x;
  if (outputSize === 1) return tf.mean(x, -1, true);
  return tf.matMul(x, averages(length, outputSize));
}

/** `F.adaptive_avg_pool2d` over [..., H, W]; null leaves an axis as it is. */
export function adaptiveAvgPool2d(x: Tensor, outputSize: Size2d | readonly [number | null, number | null]): Tensor {
  const [height = 1, width = 1] = x.shape.slice(-2);
  const [rows, columns] = typeof outputSize === "number" ? [outputSize, outputSize] : outputSize;
  const [high, wide] = [rows ?? height, columns ?? width];
  if (high === 1 && wide === 1) return tf.mean(x, [x.rank - 2, x.rank - 1], true);
  if (x.rank === 4 && height % high === 0 && width % wide === 0) return avgPool2d(x, [height / high, width / wide]);
  const across = adaptiveAvgPool1d(x, wide);
  return high === height ? across : tf.matMul(averages(height, high), across, true);
}

/** [length, windows]: how much each place counts in each window, which begins at ⌊i·length/windows⌋. */
function averages(length: number, windows: number): Tensor {
  const values = new Float32Array(length * windows);
  for (let window = 0; window < windows; window += 1) {
    const begin = Math.floor((window * length) / windows);
    const end = Math.ceil(((window + 1) * length) / windows);
    for (let place = begin; place < end; place += 1) values[place * windows + window] = 1 / (end - begin);
  }
  return tf.tensor(values, [length, windows]);
}

/** Windows along a row as windows of height 1. */
function wide(kernelSize: number, { stride = kernelSize, padding = 0, ceilMode = false }: Pool1dOptions): PoolOptions {
  return { stride: [1, stride], padding: [0, padding], ceilMode };
}

function pooled(
  x: Tensor,
  kernelSize: Size2d,
  options: PoolOptions,
  pool: (images: Image, windows: Windows) => Image,
): Tensor {
  if (x.rank === 3) return tf.squeeze(pooled(tf.expandDims(x, 0), kernelSize, options, pool), [0]);
  if (x.rank !== 4) {
    throw new LtrainError("argument.invalid", `pooling takes [N, C, H, W], got [${x.shape.join(", ")}]`);
  }
  const windows = windowsOf(x.shape.slice(2), kernelSize, options);
  const sides = [1, 2].map((axis): [number, number] => [sumOf(windows.padding[axis]), sumOf(windows.overhang[axis])]);
  requireWindow(x, windows.size, sides, "a pooling window");
  return tf.transpose(pool(tf.transpose(x, TO_NHWC) as Image, windows), TO_NCHW);
}

function windowsOf(lengths: readonly number[], kernelSize: Size2d, options: PoolOptions): Windows {
  const size = [...pairOf(kernelSize)] as [number, number];
  const stride = [...pairOf(options.stride ?? kernelSize)] as [number, number];
  const padding = pairOf(options.padding ?? 0);
  if (padding.some((pad, axis) => pad > (size[axis] ?? 0) / 2)) {
    throw new LtrainError("argument.invalid", "the padding of a pooling is at most half of its window, as in torch");
  }
  const over = lengths.map((length, axis): [number, number] => {
    const [window = 1, step = 1, pad = 0] = [size[axis], stride[axis], padding[axis]];
    if (options.ceilMode !== true) return [0, 0];
    let count = Math.ceil((length + 2 * pad - window) / step) + 1;
    if ((count - 1) * step >= length + pad) count -= 1; // a window that begins outside is none
    return [0, Math.max(0, (count - 1) * step + window - length - 2 * pad)];
  });
  const [high, wide] = padding;
  return {
    size,
    stride,
    padding: [[0, 0], [high, high], [wide, wide], [0, 0]], // prettier-ignore
    overhang: [[0, 0], over[0] ?? [0, 0], over[1] ?? [0, 0], [0, 0]],
  };
}

function padded(images: Image, sides: Sides, value: number): Image {
  return sum(sides) === 0 ? images : tf.pad(images, sides, value);
}

function sum(sides: Sides): number {
  return sides.reduce((total, side) => total + sumOf(side), 0);
}

function sumOf([before, after]: readonly [number, number] = [0, 0]): number {
  return before + after;
}
