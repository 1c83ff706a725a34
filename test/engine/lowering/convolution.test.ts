import fc from "fast-check";
import { tf } from "../../../src/tensor/tf.js";
import type { Formula } from "../compare.js";
import { expectSameAsEager, floats } from "../compare.js";

const TOLERANCE = { tolerance: { absolute: 1e-4, relative: 1e-4 } };
/** Padding as tfjs takes it for any filter. */
const sides = (pad: "same" | "valid" | 1): "same" | "valid" | tf.backend_util.ExplicitPadding =>
  pad === 1
    ? [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ]
    : pad;
const images = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 5, max: 9 }),
  width: fc.integer({ min: 5, max: 9 }),
  channels: fc.integer({ min: 1, max: 3 }),
  out: fc.integer({ min: 1, max: 4 }),
  kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  pad: fc.constantFrom<"same" | "valid" | 1>("same", "valid", 1),
  seed: fc.nat(),
});

test("convolutions with stride, padding and dilation, and their derivatives, agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(images, async ({ batch, height, width, channels, out, kernel, stride, dilation, pad, seed }) => {
      const dilations = stride === 1 ? dilation : 1;
      const conv: Formula = ({ x, w }) =>
        tf.conv2d(
          x as tf.Tensor4D,
          w as tf.Tensor4D,
          stride,
          sides(pad),
          "NHWC",
          dilations,
          pad === 1 ? "floor" : undefined,
        );
      const inputs = {
        x: floats([batch, height, width, channels], seed),
        w: floats([...kernel, channels, out], seed + 1),
      };
      // tfjs has no derivative of a dilated convolution.
      await expectSameAsEager({ conv }, inputs, { ...TOLERANCE, gradients: dilations === 1 });
    }),
    { numRuns: 12, seed: 4 },
  );
});

test("depthwise convolutions, and their derivatives, agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(images, async ({ batch, height, width, channels, out, kernel, stride, pad, seed }) => {
      const conv: Formula = ({ x, w }) =>
        tf.depthwiseConv2d(
          x as tf.Tensor4D,
          w as tf.Tensor4D,
          stride,
          sides(pad),
          "NHWC",
          1,
          pad === 1 ? "floor" : undefined,
        );
      const inputs = {
        x: floats([batch, height, width, channels], seed),
        w: floats([...kernel, channels, out], seed + 1),
      };
      await expectSameAsEager({ conv }, inputs, TOLERANCE);
    }),
    { numRuns: 8, seed: 5 },
  );
});

test("transposed convolutions and one-dimensional ones, and their derivatives, agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(images, async ({ batch, height, width, channels, out, stride, seed }) => {
      const transposed: Formula = ({ x, w }) =>
        tf.conv2dTranspose(
          x as tf.Tensor4D,
          w as tf.Tensor4D,
          [batch, (height - 1) * stride + 3, (width - 1) * stride + 3, out],
          stride,
          "valid",
        );
      const inputs = { x: floats([batch, height, width, channels], seed), w: floats([3, 3, out, channels], seed + 1) };
      await expectSameAsEager({ transposed }, inputs, TOLERANCE);
      const flat: Formula = ({ x, w }) => tf.conv1d(x as tf.Tensor3D, w as tf.Tensor3D, stride, "same");
      const line = { x: floats([batch, width, channels], seed), w: floats([3, channels, out], seed + 1) };
      await expectSameAsEager({ flat }, line, TOLERANCE);
    }),
    { numRuns: 6, seed: 6 },
  );
});

test("pooling, overlapping or apart, and its derivatives agree with eager tfjs", async () => {
  await fc.assert(
    fc.asyncProperty(images, async ({ batch, height, width, channels, kernel, stride, pad, seed }) => {
      const padding = kernel[0] === 1 || kernel[1] === 1 ? "valid" : pad;
      const mode = padding === 1 ? "floor" : undefined;
      const max: Formula = ({ x }) => tf.maxPool(x as tf.Tensor4D, kernel, stride, sides(padding), mode);
      const average: Formula = ({ x }) => tf.avgPool(x as tf.Tensor4D, kernel, stride, sides(padding), mode);
      const inputs = { x: floats([batch, height, width, channels], seed) };
      await expectSameAsEager({ max, average }, inputs, TOLERANCE);
    }),
    { numRuns: 12, seed: 7 },
  );
});
