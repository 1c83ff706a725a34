/** Public entry of `ltrain/checkpoint`: Lightning's dictionary, typed, from and to files. */
export type { Checkpoint, HyperParameters, PrecisionState, StateDict } from "./checkpoint.js";
export { CHECKPOINT_KEYS, emptyCheckpoint } from "./checkpoint.js";
export type { CheckpointIO, LoadedCheckpoint } from "./checkpointIO.js";
export { loadCheckpoint, torchCheckpointIO } from "./checkpointIO.js";
export { dumpCheckpoint, dumpStateDict } from "./dumpCheckpoint.js";
export type { Extraction, Selection } from "./extractCheckpoint.js";
export { extractStateDict } from "./extractCheckpoint.js";
export type { FoundCheckpoint } from "./findCheckpoints.js";
export { findNewestCheckpoint } from "./findCheckpoints.js";
export { migrateCheckpoint } from "./migrateCheckpoint.js";
export type { OpenedFile } from "./openCheckpoint.js";
export { openCheckpoint } from "./openCheckpoint.js";
export { parseCheckpoint } from "./parseCheckpoint.js";
export type { CheckpointSummary } from "./summarizeCheckpoint.js";
export { summarizeCheckpoint } from "./summarizeCheckpoint.js";
export type { TensorAtPath } from "./treePaths.js";
export { tensorsOf } from "./treePaths.js";
