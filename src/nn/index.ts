/** torch.nn: modules, layers, losses and what they are made of. */
export {
  GELU,
  GLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  ReLU,
  Sigmoid,
  SiLU,
  Softmax,
  Softmax2d,
  Softmin,
  Softplus,
  Softsign,
  Tanh,
  Tanhshrink,
} from "./activation.js";
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions } from "./batchNorm.js";
export { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from "./container.js";
export {
  Conv1d,
  Conv2d,
  ConvTranspose1d,
  ConvTranspose2d,
  type Conv1dLayerOptions,
  type Conv2dLayerOptions,
  type ConvTranspose1dLayerOptions,
  type ConvTranspose2dLayerOptions,
} from "./conv.js";
export {
  CosineEmbeddingLoss,
  CosineSimilarity,
  HingeEmbeddingLoss,
  MarginRankingLoss,
  PairwiseDistance,
  TripletMarginLoss,
} from "./distanceLoss.js";
export { Dropout, Dropout1d, Dropout2d } from "./dropout.js";
export { Embedding, type EmbeddingOptions } from "./embedding.js";
export { Flatten, Identity, Unflatten } from "./flatten.js";
export * as functional from "./functional.js";
export {
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  RMSNorm,
  type GroupNormOptions,
  type RMSNormOptions,
} from "./groupNorm.js";
export * as init from "./init.js";
export { LayerNorm, type LayerNormOptions } from "./layerNorm.js";
export { Bilinear, Linear, type LinearOptions } from "./linear.js";
export {
  BCELoss,
  BCEWithLogitsLoss,
  CrossEntropyLoss,
  KLDivLoss,
  NLLLoss,
  SoftMarginLoss,
  type BCEWithLogitsLossLayerOptions,
  type ClassLossOptions,
  type CrossEntropyLossLayerOptions,
  type LossWeights,
} from "./loss.js";
export { Module, type Layer, type LoadStateOptions, type WriteVariable } from "./module.js";
export {
  MultiheadAttention,
  type MultiheadAttentionCall,
  type MultiheadAttentionOptions,
} from "./multiheadAttention.js";
export { Buffer, Parameter } from "./parameter.js";
export { AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d } from "./pool.js";
export {
  CELU,
  ELU,
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  PReLU,
  ReLU6,
  SELU,
  Softshrink,
  Threshold,
  type AlphaOptions,
  type PReLUOptions,
  type ShrinkOptions,
} from "./rectifier.js";
export { type LossOptions, type Reduction } from "./reduction.js";
export { GaussianNLLLoss, HuberLoss, L1Loss, MSELoss, PoissonNLLLoss, SmoothL1Loss } from "./regressionLoss.js";
export { GRU, LSTM, RNN, type RecurrentOptions, type RNNOptions } from "./rnn.js";
export { TransformerEncoder, TransformerEncoderLayer, type TransformerEncoderLayerOptions } from "./transformer.js";
