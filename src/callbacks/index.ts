/** ltrain/callbacks: what stands around training. */
export { EARLY_STOPPING_REASONS, EarlyStopping } from "./earlyStopping.js";
export type { EarlyStoppingOptions, EarlyStoppingReason } from "./earlyStopping.js";
export { ModelCheckpoint } from "./modelCheckpoint.js";
export type { ModelCheckpointOptions } from "./modelCheckpointOptions.js";
export { ModelSummary } from "./modelSummary.js";
export type { ModelSummaryOptions } from "./modelSummary.js";
export { ProgressBar } from "./progressBar.js";
export type { ProgressBarOptions } from "./progressBar.js";
