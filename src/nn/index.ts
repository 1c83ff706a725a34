/** torch.nn: modules, layers, losses and what they are made of. */
export { GELU, Identity, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Tanh } from "./activation.js";
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions } from "./batchNorm.js";
export { ModuleList, Sequential } from "./container.js";
export { Conv1d, Conv2d, type Conv1dLayerOptions, type Conv2dLayerOptions } from "./conv.js";
export { Dropout } from "./dropout.js";
export { Embedding, type EmbeddingOptions } from "./embedding.js";
export { Flatten } from "./flatten.js";
export * as functional from "./functional.js";
export * as init from "./init.js";
export { LayerNorm, type LayerNormOptions } from "./layerNorm.js";
export { Linear, type LinearOptions } from "./linear.js";
export { CrossEntropyLoss, MSELoss, type LossOptions } from "./loss.js";
export { Module, type Layer, type LoadStateOptions, type WriteVariable } from "./module.js";
export { MultiheadAttention, type MultiheadAttentionOptions } from "./multiheadAttention.js";
export { Buffer, Parameter } from "./parameter.js";
export { AvgPool2d, MaxPool2d } from "./pool.js";
