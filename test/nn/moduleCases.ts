import {
  AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, BatchNorm1d, BatchNorm2d, BCELoss, BCEWithLogitsLoss,
  Bilinear, CELU, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, CosineEmbeddingLoss, CosineSimilarity,
  CrossEntropyLoss, Dropout, Dropout1d, Dropout2d, ELU, Embedding, Flatten, functional as F, GaussianNLLLoss, GELU, GLU,
  GroupNorm, GRU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, HingeEmbeddingLoss, HuberLoss, Identity,
  InstanceNorm1d, InstanceNorm2d, KLDivLoss, L1Loss, LayerNorm, LeakyReLU, Linear, LogSigmoid, LogSoftmax, LSTM,
  MarginRankingLoss, MaxPool1d, MaxPool2d, Mish, Module, MSELoss, MultiheadAttention, NLLLoss, PairwiseDistance,
  PoissonNLLLoss, PReLU, ReLU, ReLU6, RMSNorm, RNN, SELU, Sigmoid, SiLU, SmoothL1Loss, Softmax, Softmax2d, Softmin,
  SoftMarginLoss, Softplus, Softshrink, Softsign, Tanh, Tanhshrink, Threshold, TransformerEncoder,
  TransformerEncoderLayer, TripletMarginLoss, Unflatten, type Reduction,
} from "../../src/nn/index.js"; // prettier-ignore
import { tf, type Tensor } from "../../src/tensor/tf.js";

/** Tensors that a module gives: one, or a tuple with more inside. */
export type Results = Tensor | readonly Results[];

/** A module of the fixture, and how it is called where that is not with all inputs in order. */
export interface ModuleCase {
  readonly make: () => Module;
  readonly call?: (module: Module, inputs: readonly Tensor[]) => Results;
}

type Callable = Module & { forward(...inputs: readonly Tensor[]): Results };

/** What a module gives for inputs in order. */
export function callModule({ call }: ModuleCase, module: Module, inputs: readonly Tensor[]): Results {
  return call === undefined ? (module as Callable).forward(...inputs) : call(module, inputs);
}

const just = (...makes: readonly [string, () => Module][]): Record<string, ModuleCase> =>
  Object.fromEntries(makes.map(([name, make]) => [name, { make }]));
const calling = <M extends Module>(make: () => M, call: (module: M, ...inputs: Tensor[]) => Results): ModuleCase => ({
  make,
  call: (module, inputs) => call(module as M, ...inputs),
});
/** A function as a module. */
const functionCase = (f: (...inputs: Tensor[]) => Results): ModuleCase => calling(() => new Identity(), (_, ...inputs) => f(...inputs)); // prettier-ignore

/** True above the diagonal: what a causal mask hides. */
const above = (length: number): Tensor =>
  tf.tensor(
    Array.from({ length: length * length }, (_, i) => i % length > Math.floor(i / length)),
    [length, length],
    "bool",
  );
/** The end of the second of two examples. */
const padding = (length: number): Tensor =>
  tf.tensor(
    Array.from({ length: 2 * length }, (_, i) => i === 2 * length - 1),
    [2, length],
    "bool",
  );

const W4 = [0.5, 2, 1, 0.25];
const W6 = [1, 2, 0.5, 1, 0, 3];
const layer = { dimFeedforward: 8, dropout: 0 };
const batchFirst = true;

const ACTIVATIONS = just(
  ["ReLU", () => new ReLU()],
  ["ReLU6", () => new ReLU6()],
  ["LeakyReLU", () => new LeakyReLU({ negativeSlope: 0.2 })],
  ["PReLU", () => new PReLU()],
  ["PReLU-channels", () => new PReLU({ numParameters: 6, init: 0.1 })],
  ["ELU", () => new ELU()],
  ["ELU-alpha", () => new ELU({ alpha: 0.7 })],
  ["SELU", () => new SELU()],
  ["CELU", () => new CELU()],
  ["CELU-alpha", () => new CELU({ alpha: 1.6 })],
  ["Threshold", () => new Threshold(0.3, -2)],
  ["Hardtanh", () => new Hardtanh({ minVal: -0.5, maxVal: 1.2 })],
  ["Hardsigmoid", () => new Hardsigmoid()],
  ["Hardswish", () => new Hardswish()],
  ["Hardshrink", () => new Hardshrink()],
  ["Softshrink", () => new Softshrink({ lambd: 0.7 })],
  ["Tanh", () => new Tanh()],
  ["Sigmoid", () => new Sigmoid()],
  ["LogSigmoid", () => new LogSigmoid()],
  ["Softplus", () => new Softplus()],
  ["Softplus-beta", () => new Softplus({ beta: 3, threshold: 2 })],
  ["Softsign", () => new Softsign()],
  ["Tanhshrink", () => new Tanhshrink()],
  ["GELU", () => new GELU()],
  ["GELU-tanh", () => new GELU({ approximate: "tanh" })],
  ["SiLU", () => new SiLU()],
  ["Mish", () => new Mish()],
  ["GLU", () => new GLU()],
  ["GLU-0", () => new GLU(0)],
  ["Softmax", () => new Softmax()],
  ["Softmin", () => new Softmin(0)],
  ["LogSoftmax", () => new LogSoftmax(0)],
  ["PReLU-images", () => new PReLU({ numParameters: 4 })],
  ["Softmax2d", () => new Softmax2d()],
);

const LAYERS = just(
  ["Linear", () => new Linear(6, 3)],
  ["Linear-deep", () => new Linear(6, 3, { bias: false })],
  ["Bilinear", () => new Bilinear(6, 3, 5)],
  ["Bilinear-deep", () => new Bilinear(6, 3, 2, { bias: false })],
  ["Conv1d", () => new Conv1d(4, 6, 3, { stride: 2, padding: 1, groups: 2 })],
  ["Conv2d", () => new Conv2d(4, 6, [3, 2], { stride: [1, 2], padding: 1, dilation: [2, 1] })],
  ["ConvTranspose1d", () => new ConvTranspose1d(4, 3, 4, { stride: 3, padding: 1, outputPadding: 2 })],
  ["ConvTranspose2d", () => new ConvTranspose2d(4, 3, 3)],
  ["ConvTranspose2d-stride", () => new ConvTranspose2d(4, 3, 4, { stride: 2, padding: 1 })],
  [
    "ConvTranspose2d-odd",
    () =>
      new ConvTranspose2d(4, 6, [3, 2], {
        stride: [3, 1],
        padding: [2, 1],
        outputPadding: [1, 0],
        groups: 2,
        bias: false,
      }),
  ],
  ["ConvTranspose2d-dilation", () => new ConvTranspose2d(4, 2, 3, { stride: 2, dilation: 2, outputPadding: 1 })],
  ["ConvTranspose2d-depthwise", () => new ConvTranspose2d(4, 4, 3, { stride: 2, groups: 4 })],
  ["ConvTranspose2d-one-image", () => new ConvTranspose2d(4, 2, 2, { stride: 2 })],
  ["MaxPool1d", () => new MaxPool1d(3, { stride: 2, padding: 1 })],
  ["MaxPool1d-ceil", () => new MaxPool1d(2, { ceilMode: true })],
  ["MaxPool2d", () => new MaxPool2d(3, { stride: 2, padding: 1 })],
  ["AvgPool1d", () => new AvgPool1d(2)],
  ["AvgPool1d-padding", () => new AvgPool1d(3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false })],
  ["AvgPool2d", () => new AvgPool2d([2, 3])],
  ["AdaptiveAvgPool1d", () => new AdaptiveAvgPool1d(4)],
  ["AdaptiveAvgPool1d-1", () => new AdaptiveAvgPool1d(1)],
  ["AdaptiveAvgPool1d-more", () => new AdaptiveAvgPool1d(13)],
  ["AdaptiveAvgPool2d", () => new AdaptiveAvgPool2d([3, 4])],
  ["AdaptiveAvgPool2d-1", () => new AdaptiveAvgPool2d(1)],
  ["AdaptiveAvgPool2d-even", () => new AdaptiveAvgPool2d([5, 3])],
  ["AdaptiveAvgPool2d-none", () => new AdaptiveAvgPool2d([null, 4])],
  ["BatchNorm1d", () => new BatchNorm1d(6)],
  ["BatchNorm1d-line", () => new BatchNorm1d(4, { momentum: null })],
  ["BatchNorm1d-eval", () => new BatchNorm1d(6).eval()],
  ["BatchNorm2d", () => new BatchNorm2d(4, { eps: 0.01 })],
  ["BatchNorm2d-plain", () => new BatchNorm2d(4, { affine: false, trackRunningStats: false })],
  ["LayerNorm", () => new LayerNorm(6)],
  ["LayerNorm-two", () => new LayerNorm([5, 6], { bias: false })],
  ["GroupNorm", () => new GroupNorm(2, 4)],
  ["GroupNorm-rows", () => new GroupNorm(3, 6, { affine: false })],
  ["InstanceNorm1d", () => new InstanceNorm1d(4, { affine: true })],
  ["InstanceNorm2d", () => new InstanceNorm2d(4)],
  ["RMSNorm", () => new RMSNorm(6)],
  ["RMSNorm-two", () => new RMSNorm([5, 6], { eps: 0.01 })],
  ["RMSNorm-plain", () => new RMSNorm([5, 6], { elementwiseAffine: false })],
  ["Embedding", () => new Embedding(7, 3)],
  ["Embedding-padding", () => new Embedding(7, 3, { paddingIdx: -2 })],
  ["Embedding-large", () => new Embedding(700, 3)],
  ["Dropout", () => new Dropout(0.4)],
  ["Dropout1d", () => new Dropout1d(0.4)],
  ["Dropout2d", () => new Dropout2d(0.4)],
  ["Flatten", () => new Flatten()],
  ["Unflatten", () => new Unflatten(1, [2, -1])],
  ["Identity", () => new Identity()],
  ["RNN", () => new RNN(3, 4)],
  ["RNN-relu-no-bias", () => new RNN(3, 4, { nonlinearity: "relu", bias: false })],
  ["LSTM", () => new LSTM(3, 4)],
  ["GRU", () => new GRU(3, 4)],
  ["LSTM-unbatched", () => new LSTM(3, 4)],
  ["GRU-no-bias", () => new GRU(3, 4, { bias: false, batchFirst })],
  ["RNN-deep", () => new RNN(3, 4, { numLayers: 2, bidirectional: true, batchFirst })],
  ["LSTM-deep", () => new LSTM(3, 4, { numLayers: 2, bidirectional: true, batchFirst })],
  ["GRU-deep", () => new GRU(3, 4, { numLayers: 2, bidirectional: true, batchFirst })],
  ["LSTM-dropout", () => new LSTM(3, 4, { numLayers: 3, dropout: 0.3 })],
  ["GRU-state", () => new GRU(3, 4, { numLayers: 2 })],
);

const ATTENTION: Record<string, ModuleCase> = {
  "LSTM-state": calling(
    () => new LSTM(3, 4, { bidirectional: true }),
    (lstm, x = tf.scalar(0), h = x, c = x) => lstm.forward(x, [h, c]),
  ),
  ...just(
    ["MultiheadAttention", () => new MultiheadAttention(6, 2)],
    ["MultiheadAttention-cross", () => new MultiheadAttention(6, 3, { batchFirst, bias: false })],
  ),
  "MultiheadAttention-masks": calling(
    () => new MultiheadAttention(6, 2, { batchFirst }),
    (attention, x = tf.scalar(0)) => attention.forward(x, x, x, { mask: above(4), keyPaddingMask: padding(4) }),
  ),
  ...just(
    ["TransformerEncoderLayer", () => new TransformerEncoderLayer(6, 2, layer)],
    [
      "TransformerEncoderLayer-first",
      () =>
        new TransformerEncoderLayer(6, 2, {
          ...layer,
          activation: "gelu",
          normFirst: true,
          batchFirst,
          layerNormEps: 0.01,
        }),
    ],
    ["TransformerEncoderLayer-no-bias", () => new TransformerEncoderLayer(6, 2, { ...layer, bias: false })],
  ),
  "TransformerEncoderLayer-masks": calling(
    () => new TransformerEncoderLayer(6, 2, { ...layer, batchFirst }),
    (module, x = tf.scalar(0)) => module.forward(x, { isCausal: true, keyPaddingMask: padding(4) }),
  ),
  TransformerEncoder: {
    make: () =>
      new TransformerEncoder(new TransformerEncoderLayer(6, 2, { ...layer, batchFirst }), 2, {
        norm: new LayerNorm(6),
      }),
  },
  "TransformerEncoder-masks": calling(
    () => new TransformerEncoder(new TransformerEncoderLayer(6, 2, { ...layer, batchFirst }), 2),
    (module, x = tf.scalar(0)) => module.forward(x, { keyPaddingMask: padding(4) }),
  ),
  "attention-truths": functionCase((q = tf.scalar(0), k = q, v = q) =>
    F.scaledDotProductAttention(q, k, v, { mask: tf.logicalNot(above(4)) }),
  ),
  normalize: functionCase((x = tf.scalar(0)) => F.normalize(x)),
  "normalize-1": functionCase((x = tf.scalar(0)) => F.normalize(x, { p: 1, dim: 0 })),
  ...just(
    ["CosineSimilarity", () => new CosineSimilarity()],
    ["PairwiseDistance", () => new PairwiseDistance({ p: 3, keepdim: true })],
  ),
};

/** Losses by the fixture's names, without the reduction. */
const LOSSES: Readonly<Record<string, (reduction: Reduction) => Module>> = {
  MSELoss: (reduction) => new MSELoss({ reduction }),
  L1Loss: (reduction) => new L1Loss({ reduction }),
  SmoothL1Loss: (reduction) => new SmoothL1Loss({ reduction }),
  "SmoothL1Loss:beta": (reduction) => new SmoothL1Loss({ reduction, beta: 0.3 }),
  HuberLoss: (reduction) => new HuberLoss({ reduction, delta: 0.8 }),
  PoissonNLLLoss: (reduction) => new PoissonNLLLoss({ reduction, full: true }),
  "PoissonNLLLoss:rate": (reduction) => new PoissonNLLLoss({ reduction, logInput: false }),
  GaussianNLLLoss: (reduction) => new GaussianNLLLoss({ reduction, full: true }),
  CrossEntropyLoss: (reduction) => new CrossEntropyLoss({ reduction }),
  "CrossEntropyLoss:weight": (reduction) => new CrossEntropyLoss({ reduction, weight: W4 }),
  "CrossEntropyLoss:ignore": (reduction) => new CrossEntropyLoss({ reduction, weight: W4, ignoreIndex: 2 }),
  "CrossEntropyLoss:smooth": (reduction) => new CrossEntropyLoss({ reduction, labelSmoothing: 0.2 }),
  "CrossEntropyLoss:all": (reduction) =>
    new CrossEntropyLoss({ reduction, labelSmoothing: 0.2, ignoreIndex: 1, weight: W4 }),
  "CrossEntropyLoss:images": (reduction) => new CrossEntropyLoss({ reduction, weight: W4, labelSmoothing: 0.1 }),
  "CrossEntropyLoss:mixture": (reduction) => new CrossEntropyLoss({ reduction, weight: W4, labelSmoothing: 0.1 }),
  "CrossEntropyLoss:mixture-images": (reduction) => new CrossEntropyLoss({ reduction }),
  "CrossEntropyLoss:one": (reduction) => new CrossEntropyLoss({ reduction }),
  NLLLoss: (reduction) => new NLLLoss({ reduction }),
  "NLLLoss:all": (reduction) => new NLLLoss({ reduction, weight: W4, ignoreIndex: 0 }),
  BCELoss: (reduction) => new BCELoss({ reduction }),
  "BCELoss:weight": (reduction) => new BCELoss({ reduction, weight: W6 }),
  BCEWithLogitsLoss: (reduction) => new BCEWithLogitsLoss({ reduction }),
  "BCEWithLogitsLoss:all": (reduction) =>
    new BCEWithLogitsLoss({ reduction, weight: W6, posWeight: [3, 1, 0.5, 1, 2, 3] }),
  KLDivLoss: (reduction) => new KLDivLoss({ reduction }),
  "KLDivLoss:log": (reduction) => new KLDivLoss({ reduction, logTarget: true }),
  SoftMarginLoss: (reduction) => new SoftMarginLoss({ reduction }),
  CosineEmbeddingLoss: (reduction) => new CosineEmbeddingLoss({ reduction, margin: -0.2 }),
  HingeEmbeddingLoss: (reduction) => new HingeEmbeddingLoss({ reduction, margin: 0.7 }),
  MarginRankingLoss: (reduction) => new MarginRankingLoss({ reduction, margin: 0.2 }),
  TripletMarginLoss: (reduction) => new TripletMarginLoss({ reduction }),
  "TripletMarginLoss:swap": (reduction) => new TripletMarginLoss({ reduction, swap: true, margin: 3 }),
};

/** The fixture's modules in ltrain's words, in its order. */
export const MODULES: Readonly<Record<string, ModuleCase>> = {
  ...ACTIVATIONS,
  ...LAYERS,
  ...ATTENTION,
  ...Object.fromEntries(
    (["mean", "sum", "none"] as const).flatMap((reduction) =>
      Object.entries(LOSSES).map(([name, make]): [string, ModuleCase] => [
        `${name}-${reduction}`,
        { make: () => make(reduction) },
      ]),
    ),
  ),
  "KLDivLoss-batchmean": { make: () => new KLDivLoss({ reduction: "batchmean" }) },
};
