/** torch.nn: modules, layers, losses and what they are made of. */
export { ReLU, Sigmoid, Tanh } from "./activation.js";
export { ModuleList, Sequential } from "./container.js";
export { Flatten } from "./flatten.js";
export * as functional from "./functional.js";
export * as init from "./init.js";
export { Linear, type LinearOptions } from "./linear.js";
export { CrossEntropyLoss, MSELoss, type LossOptions } from "./loss.js";
export { Module, type Layer, type LoadStateOptions, type WriteVariable } from "./module.js";
export { Buffer, Parameter } from "./parameter.js";
