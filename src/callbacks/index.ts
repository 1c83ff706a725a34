/** ltrain/callbacks: what stands around training. */
export { EARLY_STOPPING_REASONS, EarlyStopping } from "./earlyStopping.js";
export type { EarlyStoppingOptions, EarlyStoppingReason } from "./earlyStopping.js";
export { GradientAccumulationScheduler } from "./gradientAccumulationScheduler.js";
export type { GradientAccumulationSchedulerOptions } from "./gradientAccumulationScheduler.js";
export { LambdaCallback } from "./lambdaCallback.js";
export type { LambdaHooks } from "./lambdaCallback.js";
export { LearningRateMonitor } from "./learningRateMonitor.js";
export type { LearningRateMonitorOptions } from "./learningRateMonitor.js";
export { ModelCheckpoint } from "./modelCheckpoint.js";
export type { ModelCheckpointOptions } from "./modelCheckpointOptions.js";
export { ModelSummary } from "./modelSummary.js";
export type { ModelSummaryOptions } from "./modelSummary.js";
export { ProgressBar } from "./progressBar.js";
export type { ProgressBarOptions } from "./progressBar.js";
export { Timer } from "./timer.js";
export type { DurationParts, TimedStage, TimerOptions } from "./timer.js";
