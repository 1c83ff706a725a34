import type { LightningModule } from "../../src/core/lightningModule.js";
import type { TrainerState } from "../../src/core/trainerState.js";

/** A TrainerState whose every field can be set, for callbacks under test. */
export type FakeTrainer = { -readonly [K in keyof TrainerState]: TrainerState[K] } & {
  callbackMetrics: Map<string, number>;
  progressBarMetrics: Map<string, number>;
  warnings: string[];
};

/** A trainer in the first batch of its first epoch; `changes` say what is different. */
export function fakeTrainer(changes: Partial<FakeTrainer> = {}): FakeTrainer {
  const warnings: string[] = [];
  return {
    globalStep: 0,
    currentEpoch: 0,
    maxEpochs: 1,
    maxSteps: -1,
    numTrainingBatches: 4,
    numValidationBatches: 4,
    numTestBatches: 0,
    numPredictBatches: 0,
    numSanityValBatches: 2,
    valCheckInterval: null,
    valCheckSeconds: null,
    checkValEveryNEpoch: 1,
    validatesNext: false,
    batchIdx: 0,
    isLastBatch: false,
    stage: "fit",
    fastDevRun: false,
    defaultRootDir: "/nowhere",
    logDir: "/nowhere",
    loggers: [],
    logEveryNSteps: 50,
    loggerStep: 0,
    shouldLog: false,
    executor: undefined as unknown as TrainerState["executor"],
    ckptPath: null,
    callbackMetrics: new Map(),
    progressBarMetrics: new Map(),
    optimizers: [],
    lrSchedulerConfigs: [],
    fitLoop: null,
    accumulateGradBatches: 1,
    learningRates: [],
    saveFailure: null,
    shouldStop: false,
    showMetrics: () => undefined,
    saveCheckpoint: () => Promise.reject(new Error("not set")),
    settleCheckpoints: () => Promise.resolve(),
    warnings,
    warn: (message) => {
      if (!warnings.includes(message)) warnings.push(message);
    },
    ...changes,
  };
}

/** A module that no callback under test looks into. */
export const NO_MODULE = undefined as unknown as LightningModule;
