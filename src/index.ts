/** ltrain as a library: what one imports to write a module, train it, and read and write its checkpoints. */
export * as callbacks from "./callbacks/index.js";
export * as checkpoint from "./checkpoint/index.js";
export * as data from "./data/index.js";
export * as nn from "./nn/index.js";
export * as optim from "./optim/index.js";

export {
  BackboneFinetuning,
  BaseFinetuning,
  EarlyStopping,
  EMAWeightAveraging,
  GradientAccumulationScheduler,
  LambdaCallback,
  LearningRateMonitor,
  ModelCheckpoint,
  ModelSummary,
  ProgressBar,
  StochasticWeightAveraging,
  Timer,
  WeightAveraging,
} from "./callbacks/index.js";
export { findNewestCheckpoint, loadCheckpoint, torchCheckpointIO } from "./checkpoint/index.js";
export type { Checkpoint, CheckpointIO, LoadedCheckpoint, StateDict } from "./checkpoint/index.js";
export { Callback } from "./core/callback.js";
export type { SaveHyperparametersOptions } from "./core/hparams.js";
export type { LoadFromCheckpointOptions } from "./core/loadFromCheckpoint.js";
export { loadWeights } from "./core/loadWeights.js";
export type { LoadedWeights, LoadWeightsOptions } from "./core/loadWeights.js";
export { LightningDataModule } from "./core/lightningDataModule.js";
export { LightningModule } from "./core/lightningModule.js";
export type {
  Hparams,
  HparamValue,
  LogOptions,
  LRSchedulerConfig,
  OptimizerConfig,
  OptimizerSetup,
} from "./core/lightningModule.js";
export { LightningOptimizer, LightningScheduler } from "./core/manualOptimization.js";
export type { Logger } from "./core/logger.js";
export type { Prediction, StepPrediction } from "./core/prediction.js";
export type { Stage, TrainerState } from "./core/trainerState.js";
export { DataLoader, defaultCollate, MapDataset, Subset, TensorDataset } from "./data/index.js";
export type { Batch, Dataset, ItemDataset } from "./data/index.js";
export { CharGPT } from "./demos/charGPT.js";
export { CSVDataModule } from "./demos/csvDataModule.js";
export { LitAutoEncoder } from "./demos/litAutoEncoder.js";
export { LitClassifier } from "./demos/litClassifier.js";
export { LitCNN } from "./demos/litCNN.js";
export { MNISTDataModule } from "./demos/mnistDataModule.js";
export { TextDataModule } from "./demos/textDataModule.js";
export { createExecutor } from "./engine/createExecutor.js";
export type { CompiledStep, EngineName, Executor, StepFunction, StepOutputs } from "./engine/executor.js";
export { ERROR_CODES, LtrainError } from "./errors.js";
export type { ErrorCode } from "./errors.js";
export { CSVLogger } from "./loggers/csvLogger.js";
export type { CSVLoggerOptions } from "./loggers/csvLogger.js";
export { JSONLinesLogger } from "./loggers/jsonLinesLogger.js";
export type { JSONLinesLoggerOptions } from "./loggers/jsonLinesLogger.js";
export { TensorBoardLogger } from "./loggers/tensorBoardLogger.js";
export type { TensorBoardLoggerOptions } from "./loggers/tensorBoardLogger.js";
export { PyDict, PyFloat, PyGlobal, PyObject, PySet, PyTuple } from "./pickle/values.js";
export type { PyValue } from "./pickle/values.js";
export { GradScaler } from "./precision/gradScaler.js";
export type { GradScalerOptions } from "./precision/gradScaler.js";
export { float16Mixed } from "./precision/mixedPrecision.js";
export type { Precision, PrecisionName } from "./precision/precision.js";
export type { DType } from "./storage/dtype.js";
export { float32Tensor, float32Values, scalarTensor, zerosTensor } from "./storage/hostTensor.js";
export type { HostTensor } from "./storage/hostTensor.js";
export { StoredTensor } from "./storage/storedTensor.js";
export { defaultGenerator, Generator } from "./tensor/generator.js";
export { detach, noGrad } from "./tensor/gradients.js";
export { rand, randn } from "./tensor/random.js";
export { seedEverything } from "./tensor/seed.js";
export { tf } from "./tensor/tf.js";
export type { Tensor } from "./tensor/tf.js";
export { exportGraphModel, exportModel } from "./trainer/exportModel.js";
export type { ExportedGraphModel, ExportedModel, ExportOptions } from "./trainer/exportModel.js";
export { Trainer } from "./trainer/trainer.js";
export type { FitData, FitLoaders } from "./trainer/givenLoaders.js";
export type { EvaluateOptions, FitOptions, PredictOptions } from "./trainer/trainer.js";
export type { FitResult } from "./trainer/fitResult.js";
export type { TrainerOptions } from "./trainer/options.js";
