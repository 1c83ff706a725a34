import fc from "fast-check";
import { CONVOLUTION } from "../../../src/engine/lowering/convolution.js";
import { POOLING } from "../../../src/engine/lowering/pooling.js";
import { tf } from "../../../src/tensor/tf.js";
import type { Formula } from "../compare.js";
import { refusedByGraphModels, expectAllTried, expectSameAsEager, floats } from "../compare.js";
import { runs, target } from "../target.js";

type Images = tf.Tensor4D;
type Pad = "same" | "valid" | tf.backend_util.ExplicitPadding;

const TOLERANCE = { tolerance: { absolute: 1e-4, relative: 1e-4 } };
/** One pixel on each side, as tfjs takes it for any filter. */
const ONE: tf.backend_util.ExplicitPadding = [
  [0, 0],
  [1, 1],
  [1, 1],
  [0, 0],
];
const cases = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 5, max: 9 }),
  width: fc.integer({ min: 5, max: 9 }),
  channels: fc.integer({ min: 1, max: 3 }),
  out: fc.integer({ min: 1, max: 4 }),
  filter: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  pad: fc.constantFrom<Pad>("same", "valid", ONE),
  seed: fc.nat(),
});

const roundingOf = (pad: Pad): "floor" | undefined => (typeof pad === "string" ? undefined : "floor");

/** Runs a kernel by name: those of gradients have no function of their own. */
function kernel(name: string, inputs: Readonly<Record<string, tf.Tensor>>, attributes: object): tf.Tensor {
  return tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap);
}

/** A gradient of the shape of a result. */
const incoming = (result: tf.Tensor): tf.Tensor => tf.add(tf.mul(result, 0.5), 0.25);

test("convolutions with stride, padding and dilation, and their gradients, agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ batch, height, width, channels, out, filter, stride, dilation, pad, seed }) => {
      const dilations = stride === 1 ? dilation : 1;
      const rounding = roundingOf(pad);
      const plain = (x: tf.Tensor, w: tf.Tensor): tf.Tensor =>
        tf.conv2d(x as Images, w as Images, stride, pad, "NHWC", 1, rounding);
      const attributes = { strides: stride, pad, dataFormat: "NHWC", dimRoundingMode: rounding };
      const formulas: Record<string, Formula> = {
        conv: ({ x, w }) => tf.conv2d(x as Images, w as Images, stride, pad, "NHWC", dilations, rounding),
        fused: ({ x, w }) =>
          tf.fused.conv2d({
            x: x as Images,
            filter: w as Images,
            strides: stride,
            pad,
            ...(rounding === undefined ? {} : { dimRoundingMode: rounding }),
            activation: "relu",
          }),
        byInput: ({ x, w }) => {
          const [images, weights] = [x as tf.Tensor, w as tf.Tensor];
          const dy = incoming(plain(images, weights));
          return kernel(tf.Conv2DBackpropInput, { dy, filter: weights }, { ...attributes, inputShape: images.shape });
        },
        byFilter: ({ x, w }) => {
          const [images, weights] = [x as tf.Tensor, w as tf.Tensor];
          const dy = incoming(plain(images, weights));
          return kernel(tf.Conv2DBackpropFilter, { x: images, dy }, { ...attributes, filterShape: weights.shape });
        },
      };
      const inputs = {
        x: floats([batch, height, width, channels], seed),
        w: floats([...filter, channels, out], seed + 1),
      };
      await expectSameAsEager(formulas, inputs, { ...TOLERANCE, gradients: dilations === 1 });
    }),
    { numRuns: runs(12), seed: 4 },
  );
});

test("depthwise convolutions, and their gradients, agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ batch, height, width, channels, out, filter, stride, pad, seed }) => {
      const rounding = roundingOf(pad);
      const plain = (x: tf.Tensor, w: tf.Tensor): tf.Tensor =>
        tf.depthwiseConv2d(x as Images, w as Images, stride, pad, "NHWC", 1, rounding);
      const attributes = { strides: stride, pad, dilations: 1, dimRoundingMode: rounding };
      const formulas: Record<string, Formula> = {
        conv: ({ x, w }) => plain(x as tf.Tensor, w as tf.Tensor),
        ...(typeof pad === "string" && {
          fused: ({ x, w }) =>
            tf.fused.depthwiseConv2d({
              x: x as Images,
              filter: w as Images,
              strides: stride,
              pad,
              activation: "sigmoid",
            }),
        }),
        byInput: ({ x, w }) => {
          const [images, weights] = [x as tf.Tensor, w as tf.Tensor];
          const inputs = { dy: incoming(plain(images, weights)), filter: weights };
          return kernel(tf.DepthwiseConv2dNativeBackpropInput, inputs, { ...attributes, inputShape: images.shape });
        },
        byFilter: ({ x, w }) => {
          const [images, weights] = [x as tf.Tensor, w as tf.Tensor];
          const inputs = { x: images, dy: incoming(plain(images, weights)) };
          return kernel(tf.DepthwiseConv2dNativeBackpropFilter, inputs, { ...attributes, filterShape: weights.shape });
        },
      };
      const inputs = {
        x: floats([batch, height, width, channels], seed),
        w: floats([...filter, channels, out], seed + 1),
      };
      await expectSameAsEager(formulas, inputs, TOLERANCE);
    }),
    { numRuns: runs(8), seed: 5 },
  );
});

test("transposed convolutions and one-dimensional ones agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ batch, height, width, channels, out, stride, seed }) => {
      const shape = [batch, (height - 1) * stride + 3, (width - 1) * stride + 3, out] as [
        number,
        number,
        number,
        number,
      ];
      const transposed: Formula = ({ x, w }) => tf.conv2dTranspose(x as Images, w as Images, shape, stride, "valid");
      const inputs = { x: floats([batch, height, width, channels], seed), w: floats([3, 3, out, channels], seed + 1) };
      await expectSameAsEager({ transposed }, inputs, TOLERANCE);
      const flat: Formula = ({ x, w }) => tf.conv1d(x as tf.Tensor3D, w as tf.Tensor3D, stride, "same");
      const line = { x: floats([batch, width, channels], seed), w: floats([3, channels, out], seed + 1) };
      await expectSameAsEager({ flat }, line, TOLERANCE);
    }),
    { numRuns: runs(6), seed: 6 },
  );
});

test("pooling, overlapping or apart, and its gradients agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ batch, height, width, channels, filter, stride, pad: anyPad, seed }) => {
      const pad = filter.includes(1) ? "valid" : anyPad;
      const dimRoundingMode = roundingOf(pad);
      const attributes = { filterSize: filter, strides: stride, pad, dimRoundingMode };
      const formulas: Record<string, Formula> = {
        max: ({ x }) => tf.maxPool(x as Images, filter, stride, pad, dimRoundingMode),
        average: ({ x }) => tf.avgPool(x as Images, filter, stride, pad, dimRoundingMode),
        byMax: ({ x }) => {
          const output = tf.maxPool(x as Images, filter, stride, pad, dimRoundingMode);
          return kernel(tf.MaxPoolGrad, { dy: incoming(output), input: x as tf.Tensor, output }, attributes);
        },
        // Windows over the edge are left to the derivative of avgPool: here each backend's kernel has its own idea.
        ...(pad === "valid" && {
          byAverage: ({ x }) => {
            const output = tf.avgPool(x as Images, filter, stride, pad, dimRoundingMode);
            return kernel(tf.AvgPoolGrad, { dy: incoming(output), input: x as tf.Tensor }, attributes);
          },
        }),
      };
      await expectSameAsEager(formulas, { x: floats([batch, height, width, channels], seed) }, TOLERANCE);
    }),
    { numRuns: runs(12), seed: 7 },
  );
});

test("every kernel of these tables has been compared", () => {
  expectAllTried({ ...CONVOLUTION, ...POOLING });
});

test("TensorFlow.js runs them as a graph model, but for what the export refuses", () => {
  // Gradients, which no exported model has, and averages that leave the padding out.
  if (target.kind === "cpu")
    expect([...refusedByGraphModels.keys()]).toEqual(["byInput", "byMax", "byAverage", "average"]);
});
