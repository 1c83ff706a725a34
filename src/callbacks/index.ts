/** ltrain/callbacks: what stands around training. */
export { ModelCheckpoint } from "./modelCheckpoint.js";
export type { ModelCheckpointOptions } from "./modelCheckpointOptions.js";
export { ModelSummary } from "./modelSummary.js";
export type { ModelSummaryOptions } from "./modelSummary.js";
export { ProgressBar } from "./progressBar.js";
export type { ProgressBarOptions } from "./progressBar.js";
