/** torch.optim: optimizers and learning rate schedulers. */
export { Adadelta, type AdadeltaOptions } from "./adadelta.js";
export { Adagrad, type AdagradOptions } from "./adagrad.js";
export { Adam, type AdamOptions } from "./adam.js";
export { Adamax, type AdamaxOptions } from "./adamax.js";
export { AdamW, type AdamWOptions } from "./adamW.js";
export {
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingLROptions,
  type CosineAnnealingWarmRestartsOptions,
} from "./cosineSchedules.js";
export { CyclicLR, type CyclicLROptions } from "./cyclicLR.js";
export { LambdaLR, MultiplicativeLR, type LambdaLROptions, type LrLambda, type StatefulFactor } from "./lambdaLR.js";
export { LRScheduler } from "./lrScheduler.js";
export { NAdam, type NAdamOptions } from "./nAdam.js";
export { OneCycleLR, type OneCycleLROptions } from "./oneCycleLR.js";
export { Optimizer } from "./optimizer.js";
export { ParamGroup, type ParamGroupInit, type ParamList, type Params } from "./paramGroup.js";
export { RAdam, type RAdamOptions } from "./rAdam.js";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./reduceLROnPlateau.js";
export { RMSprop, type RMSpropOptions } from "./rmsprop.js";
export {
  ConstantLR,
  ExponentialLR,
  LinearLR,
  MultiStepLR,
  PolynomialLR,
  StepLR,
  type ConstantLROptions,
  type ExponentialLROptions,
  type LinearLROptions,
  type MultiStepLROptions,
  type PolynomialLROptions,
  type StepLROptions,
} from "./schedules.js";
export {
  ChainedScheduler,
  SequentialLR,
  type ChainedSchedulerOptions,
  type SequentialLROptions,
} from "./sequentialLR.js";
export { SGD, type SGDOptions } from "./sgd.js";
export { SWALR, type SWALROptions } from "./swaLR.js";
