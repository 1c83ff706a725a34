/** torch.optim: optimizers and learning rate schedulers. */
export { Adam, type AdamOptions } from "./adam.js";
export { AdamW, type AdamWOptions } from "./adamW.js";
export { LRScheduler } from "./lrScheduler.js";
export { Optimizer } from "./optimizer.js";
export { ParamGroup, type ParamGroupInit } from "./paramGroup.js";
export { CosineAnnealingLR, StepLR, type CosineAnnealingLROptions, type StepLROptions } from "./schedules.js";
export { SGD, type SGDOptions } from "./sgd.js";
