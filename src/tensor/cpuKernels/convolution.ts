import { backend_util } from "@tensorflow/tfjs-core";
import { float32Of, madeOf, type CpuCall, type CpuKernel } from "./cpuKernel.js";
import { multiply, pack } from "./tiledProduct.js";

type Info = backend_util.Conv2DInfo;
type Shape4D = [number, number, number, number];

/** What tfjs makes of strides and padding; null for what is left to tfjs' own kernels. */
function infoOf({ attrs }: CpuCall, input: readonly number[], filter: readonly number[]): Info | null {
  const { strides, pad, dataFormat, dilations, dimRoundingMode } = attrs as unknown as {
    readonly strides: number | [number, number];
    readonly pad: "valid" | "same" | number | backend_util.ExplicitPadding;
    readonly dataFormat?: string;
    readonly dilations?: number | [number, number];
    readonly dimRoundingMode?: "floor" | "round" | "ceil";
  };
  if ((dataFormat ?? "NHWC") !== "NHWC") return null;
  return backend_util.computeConv2DInfo(
    [...input] as Shape4D,
    [...filter] as Shape4D,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
  );
}

/** How many windows an image has, and how many values a window. */
function sizesOf(info: Info): { readonly rows: number; readonly width: number; readonly pixels: number } {
  return {
    rows: info.outHeight * info.outWidth,
    width: info.filterHeight * info.filterWidth * info.inChannels,
    pixels: info.inHeight * info.inWidth * info.inChannels,
  };
}

/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are products of the shape */
/** Call `each` for every pixel of every window: the window, the place in it and the pixel, where its channels begin. */
function eachPixel(info: Info, each: (window: number, place: number, pixel: number) => void): void {
  const { inHeight, inWidth, inChannels, filterHeight, filterWidth, outHeight, outWidth } = info;
  for (let y = 0; y < outHeight; y += 1) {
    for (let x = 0; x < outWidth; x += 1) {
      for (let i = 0; i < filterHeight; i += 1) {
        const row = y * info.strideHeight - info.padInfo.top + i * info.dilationHeight;
        if (row < 0 || row >= inHeight) continue;
        for (let j = 0; j < filterWidth; j += 1) {
          const column = x * info.strideWidth - info.padInfo.left + j * info.dilationWidth;
          if (column < 0 || column >= inWidth) continue;
          each(y * outWidth + x, (i * filterWidth + j) * inChannels, (row * inWidth + column) * inChannels);
        }
      }
    }
  }
}

/** Windows times filter, one matrix product for each image. */
const conv2D: CpuKernel = (call) => {
  const { x, filter } = call.inputs;
  if (x?.dtype !== "float32" || filter?.dtype !== "float32") return null;
  const info = infoOf(call, x.shape, filter.shape);
  if (info === null) return null;
  const { rows, width, pixels } = sizesOf(info);
  const { inChannels, outChannels } = info;
  const images = float32Of(call.backend, x);
  const weights = new Float64Array(width * outChannels);
  pack(float32Of(call.backend, filter), weights, outChannels, width, true);
  const windows = new Float64Array(rows * width);
  const result = new Float32Array(info.batchSize * rows * outChannels);
  for (let n = 0; n < info.batchSize; n += 1) {
    const image = images.subarray(n * pixels, (n + 1) * pixels);
    eachPixel(info, (window, place, pixel) => {
      const to = window * width + place;
      for (let c = 0; c < inChannels; c += 1) windows[to + c] = image[pixel + c]!;
    });
    multiply(windows, weights, result.subarray(n * rows * outChannels), rows, outChannels, width);
  }
  return madeOf(call.backend, info.outShape, result);
};

/** The gradient times the filter, each window's part added where the window lay. */
const conv2DBackpropInput: CpuKernel = (call) => {
  const { dy, filter } = call.inputs;
  if (dy?.dtype !== "float32" || filter?.dtype !== "float32") return null;
  const info = infoOf(call, call.attrs?.["inputShape"] as number[], filter.shape);
  if (info === null) return null;
  const { rows, width, pixels } = sizesOf(info);
  const { inChannels, outChannels } = info;
  const gradients = float32Of(call.backend, dy);
  const weights = Float64Array.from(float32Of(call.backend, filter));
  const gradient = new Float64Array(rows * outChannels);
  const windows = new Float64Array(rows * width);
  const image = new Float64Array(pixels);
  const result = new Float32Array(info.batchSize * pixels);
  for (let n = 0; n < info.batchSize; n += 1) {
    pack(gradients.subarray(n * rows * outChannels), gradient, rows, outChannels, false);
    multiply(gradient, weights, windows, rows, width, outChannels);
    image.fill(0);
    eachPixel(info, (window, place, pixel) => {
      const from = window * width + place;
      for (let c = 0; c < inChannels; c += 1) image[pixel + c]! += windows[from + c]!;
    });
    result.set(image, n * pixels);
  }
  return madeOf(call.backend, info.inShape, result);
};

/** Windows, turned round, times the gradient, summed over the images in double. */
const conv2DBackpropFilter: CpuKernel = (call) => {
  const { x, dy } = call.inputs;
  if (x?.dtype !== "float32" || dy?.dtype !== "float32") return null;
  const filterShape = call.attrs?.["filterShape"] as number[];
  const info = infoOf(call, x.shape, filterShape);
  if (info === null) return null;
  const { rows, width, pixels } = sizesOf(info);
  const { inChannels, outChannels } = info;
  const images = float32Of(call.backend, x);
  const gradients = float32Of(call.backend, dy);
  const gradient = new Float64Array(rows * outChannels);
  const windows = new Float64Array(width * rows);
  const product = new Float64Array(width * outChannels);
  const sums = new Float64Array(width * outChannels);
  for (let n = 0; n < info.batchSize; n += 1) {
    const image = images.subarray(n * pixels, (n + 1) * pixels);
    eachPixel(info, (window, place, pixel) => {
      for (let c = 0; c < inChannels; c += 1) windows[(place + c) * rows + window] = image[pixel + c]!;
    });
    pack(gradients.subarray(n * rows * outChannels), gradient, outChannels, rows, true);
    multiply(windows, gradient, product, width, outChannels, rows);
    for (let i = 0; i < sums.length; i += 1) sums[i]! += product[i]!;
  }
  return madeOf(call.backend, filterShape, Float32Array.from(sums));
};
/* eslint-enable @typescript-eslint/no-non-null-assertion */

/** Convolutions of float32 images, channels last, as matrix products; sums are kept in double. */
export const CONVOLUTION: Readonly<Record<string, CpuKernel>> = {
  Conv2D: conv2D,
  Conv2DBackpropInput: conv2DBackpropInput,
  Conv2DBackpropFilter: conv2DBackpropFilter,
};
