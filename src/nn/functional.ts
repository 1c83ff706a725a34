import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";

export { multiHeadAttention, scaledDotProductAttention, type AttentionOptions } from "./attention.js";
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  klDiv,
  nllLoss,
  softMarginLoss,
  type BCELossOptions,
  type BCEWithLogitsLossOptions,
  type CrossEntropyLossOptions,
  type KLDivLossOptions,
  type NLLLossOptions,
} from "./classification.js";
export { conv1d, conv2d, type Conv1dOptions, type Conv2dOptions } from "./convolution.js";
export {
  cosineEmbeddingLoss,
  cosineSimilarity,
  hingeEmbeddingLoss,
  marginRankingLoss,
  normalize,
  pairwiseDistance,
  tripletMarginLoss,
  type MarginOptions,
  type NormalizeOptions,
  type PairwiseDistanceOptions,
  type TripletMarginLossOptions,
} from "./distance.js";
export { dropout, featureDropout } from "./dropout.js";
export { embedding } from "./embedding.js";
export { groupNorm, layerNorm, rmsNorm } from "./normalization.js";
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool2d,
  type AvgPool1dOptions,
  type AvgPoolOptions,
  type Pool1dOptions,
  type PoolOptions,
} from "./pooling.js";
export {
  celu,
  elu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  prelu,
  relu,
  relu6,
  selu,
  softshrink,
  threshold,
} from "./rectify.js";
export { type LossOptions, type Reduction } from "./reduction.js";
export {
  gaussianNLLLoss,
  huberLoss,
  l1Loss,
  mseLoss,
  poissonNLLLoss,
  smoothL1Loss,
  type GaussianNLLLossOptions,
  type HuberLossOptions,
  type PoissonNLLLossOptions,
  type SmoothL1LossOptions,
} from "./regression.js";
export { logSoftmax, softmax, softmin } from "./softmax.js";
export {
  gelu,
  glu,
  logSigmoid,
  mish,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanh,
  tanhshrink,
  type GELUOptions,
  type SoftplusOptions,
} from "./squash.js";
export {
  convTranspose1d,
  convTranspose2d,
  type ConvTranspose1dOptions,
  type ConvTranspose2dOptions,
} from "./transposedConvolution.js";

/** `torch.flatten`: axes startDim to endDim become one. */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  const start = startDim < 0 ? startDim + x.rank : startDim;
  const end = endDim < 0 ? endDim + x.rank : endDim;
  const merged = x.shape.slice(start, end + 1).reduce((product, size) => product * size, 1);
  return tf.reshape(x, [...x.shape.slice(0, start), merged, ...x.shape.slice(end + 1)]);
}

/** `tensor.unflatten`: an axis as several; one of them may be -1. */
export function unflatten(x: Tensor, dim: number, sizes: readonly number[]): Tensor {
  const axis = dim < 0 ? dim + x.rank : dim;
  const size = x.shape[axis] ?? 0;
  const known = sizes.filter((each) => each !== -1).reduce((product, each) => product * each, 1);
  const full = sizes.map((each) => (each === -1 ? size / known : each));
  if (full.reduce((product, each) => product * each, 1) !== size || !full.every(Number.isInteger)) {
    throw new LtrainError(
      "argument.invalid",
      `an axis of ${size} in [${x.shape.join(", ")}] cannot become [${sizes.join(", ")}]`,
    );
  }
  return tf.reshape(x, [...x.shape.slice(0, axis), ...full, ...x.shape.slice(axis + 1)]);
}

/** `F.bilinear`: of x [..., in1] and y [..., in2] by a weight [out, in1, in2]; bias [out]. */
export function bilinear(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  const [out = 0, first = 0, second = 0] = weight.shape;
  const rows = tf.reshape(x, [-1, first]);
  const turned = tf.reshape(tf.transpose(weight, [1, 0, 2]), [first, out * second]);
  const half = tf.reshape(tf.matMul(rows, turned), [-1, out, second]);
  const product = tf.sum(tf.mul(half, tf.reshape(y, [-1, 1, second])), -1);
  const sum = bias === null ? product : tf.add(product, bias);
  return tf.reshape(sum, [...x.shape.slice(0, -1), out]);
}
