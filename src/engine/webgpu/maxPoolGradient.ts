import type { Node, Value } from "../graph.js";
import { int } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { compare, concat, expandDims, pad, range, reduce, slice, where } from "../lowering/operators.js";

/** A window over NCHW images. */
interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Above, left, below, right. */
  readonly pads: readonly [number, number, number, number];
}

/**
 * The provider's MaxPool does not tell where the largest elements were. So where a gradient is scattered to these
 * places, it is given to the first place of each window whose element equals the largest.
 */
export function maxPoolGradient(node: Node, b: GraphBuilder): readonly Value[] | undefined {
  if (node.op !== "ScatterElements") return undefined;
  const [, indices, updates] = node.inputs;
  const pool = poolOf(indices, b);
  const [x] = pool?.inputs ?? [];
  const [largest] = pool?.outputs ?? [];
  const [flat] = node.outputs;
  if (pool === undefined || !x || !updates || largest === undefined || flat === undefined) return undefined;
  const window = windowOf(pool);
  const incoming = b.reshape(updates, largest.shape);
  const result = tiles(window, x, largest)
    ? untile(b, shares(b, tile(b, x, largest, window), largest, incoming), x, window)
    : spread(b, shares(b, places(b, x, largest, window), largest, incoming), x, window);
  return [b.reshape(result, flat.shape)];
}

/** The MaxPool whose second result, in whatever shape, the indices are. */
function poolOf(indices: Value | null | undefined, b: GraphBuilder): Node | undefined {
  const producer = b.producer(indices);
  if (producer?.op === "Reshape") return poolOf(producer.inputs[0], b);
  return producer?.op === "MaxPool" && producer.outputs[1] === indices ? producer : undefined;
}

function windowOf(pool: Node): Window {
  const listOf = (key: string): readonly number[] => {
    const attribute = pool.attributes[key];
    if (attribute?.kind !== "ints") throw new Error(`MaxPool without ${key}`);
    return attribute.value;
  };
  const [height = 1, width = 1] = listOf("kernel_shape");
  const [down = 1, across = 1] = listOf("strides");
  const [top = 0, left = 0, bottom = 0, right = 0] = listOf("pads");
  return { kernel: [height, width], strides: [down, across], pads: [top, left, bottom, right] };
}

/** Each window's part of the gradient: [N, C, K, H', W'] where `elements` has the K elements of each window. */
function shares(b: GraphBuilder, elements: Value, largest: Value, incoming: Value): Value {
  const count = elements.shape[2] ?? 1;
  const zero = b.scalar(0);
  // The first of equals has the highest rank.
  const ranks = b.constant(
    "float32",
    [count, 1, 1],
    Float32Array.from(range(count), (i) => count - i),
  );
  const ranked = where(b, compare(b, "Equal", elements, expandDims(b, largest, 2)), ranks, zero);
  const chosen = compare(b, "Equal", ranked, reduce(b, "ReduceMax", ranked, [2], true));
  return where(b, chosen, expandDims(b, incoming, 2), zero);
}

/** Whether windows stand side by side, without padding. */
function tiles({ kernel, strides, pads }: Window, x: Value, largest: Value): boolean {
  const fits = [0, 1].every((i) => (largest.shape[2 + i] ?? 0) * (kernel[i] ?? 1) <= (x.shape[2 + i] ?? 0));
  return fits && kernel[0] === strides[0] && kernel[1] === strides[1] && pads.every((each) => each === 0);
}

function tile(b: GraphBuilder, x: Value, largest: Value, { kernel: [height, width] }: Window): Value {
  const [n = 1, c = 1, rows = 1, columns = 1] = largest.shape;
  const whole = slice(b, x, [2, 3], [0, 0], [rows * height, columns * width]);
  const split = b.reshape(whole, [n * c, rows, height, columns, width]);
  return b.reshape(b.transpose(split, [0, 2, 4, 1, 3]), [n, c, height * width, rows, columns]);
}

function untile(b: GraphBuilder, parts: Value, x: Value, { kernel: [height, width] }: Window): Value {
  const [n = 1, c = 1, , rows = 1, columns = 1] = parts.shape;
  const split = b.reshape(parts, [n * c, height, width, rows, columns]);
  const whole = b.reshape(b.transpose(split, [0, 3, 1, 4, 2]), [n, c, rows * height, columns * width]);
  const [, , all = 1, wide = 1] = x.shape;
  // What is left of the image below and on the right was in no window.
  const rest = [
    [0, 0],
    [0, 0],
    [0, all - rows * height],
    [0, wide - columns * width],
  ] as const;
  return pad(b, whole, rest, 0);
}

/** The elements of windows that overlap or reach over the edge, one slice for each place of the window. */
function places(b: GraphBuilder, x: Value, largest: Value, { kernel, strides, pads }: Window): Value {
  const [n = 1, c = 1, rows = 1, columns = 1] = largest.shape;
  const [top, left, bottom, right] = pads;
  const edges = [
    [0, 0],
    [0, 0],
    [top, bottom],
    [left, right],
  ] as const;
  const padded = pad(b, x, edges, -Infinity);
  const [height, width] = kernel;
  const parts = range(height * width).map((i) => {
    const begin = [Math.floor(i / width), i % width];
    return b.reshape(slice(b, padded, [2, 3], begin, [rows, columns], strides), [n, c, 1, rows, columns]);
  });
  return concat(b, parts, 2);
}

/** The parts back at their places, added where windows overlap: each is put there by a filter of one 1. */
function spread(b: GraphBuilder, parts: Value, x: Value, { kernel, strides, pads }: Window): Value {
  const [n = 1, c = 1, count = 1, rows = 1, columns = 1] = parts.shape;
  const [height, width] = kernel;
  const [, , all = 1, wide = 1] = x.shape;
  const [top, left, bottom, right] = pads;
  const one = Float32Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? 1 : 0));
  const filter = b.expand(b.constant("float32", [1, count, height, width], one), [c, count, height, width]);
  const weights = b.reshape(filter, [c * count, 1, height, width]);
  const reach = [(rows - 1) * strides[0] + height, (columns - 1) * strides[1] + width] as const;
  const spec = { dtype: parts.dtype, shape: [n, c, reach[0], reach[1]] };
  const spreadOut = b.emit("ConvTranspose", [b.reshape(parts, [n, c * count, rows, columns]), weights], spec, {
    strides: { kind: "ints", value: strides },
    pads: { kind: "ints", value: [0, 0, 0, 0] },
    dilations: { kind: "ints", value: [1, 1] },
    group: int(c),
  });
  // The padded image, of which the last rows may have been in no window, and then the image.
  const rest = [
    [0, 0],
    [0, 0],
    [0, Math.max(all + top + bottom - reach[0], 0)],
    [0, Math.max(wide + left + right - reach[1], 0)],
  ] as const;
  return slice(b, pad(b, spreadOut, rest, 0), [2, 3], [top, left], [all, wide]);
}
