import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EvaluationLoop } from "../../src/loops/evaluationLoop.js";
import { FitLoop } from "../../src/loops/fitLoop.js";
import type { LoopContext } from "../../src/loops/loopContext.js";
import { restoreLoops } from "../../src/loops/loopsState.js";
import type { ResumePoint } from "../../src/loops/resumePoint.js";
import { findResumePoint } from "../../src/loops/resumePoint.js";
import { TrainingEpochLoop } from "../../src/loops/trainingEpochLoop.js";
import { fromPlain } from "../../src/pickle/convert.js";
import { PyDict } from "../../src/pickle/values.js";
import { Flatten } from "../../src/nn/flatten.js";

/** Loops as real Lightning writes them at every moment of two epochs of 5 batches; see fixtures/make-hooks.py. */
const LIGHTNING = JSON.parse(
  readFileSync(fileURLToPath(new URL("../fixtures/lightning-loops.json", import.meta.url)), "utf8"),
) as Record<string, { loops: unknown }>;

const LIMITS = {
  maxEpochs: 2,
  maxSteps: -1,
  minEpochs: 0,
  minSteps: 0,
  valCheckInterval: null,
  valCheckSeconds: null,
  checkValEveryNEpoch: 1,
  detectAnomaly: false,
  accumulateGradBatches: 1,
  gradientClip: null,
  logEveryNSteps: 50,
};

function loopsAt(moment: string, change: (loops: string) => string = (loops) => loops): FitLoop {
  // Counters need no more of it.
  const module = Object.assign(new Flatten(), { automaticOptimization: true });
  const context = { module, optimizers: [{ paramGroups: [] }] } as unknown as LoopContext;
  const validation = new EvaluationLoop(context, () => ({ sanityChecking: false, numBatches: 0, step: 0 }));
  const loop = new FitLoop(context, LIMITS, new TrainingEpochLoop(context, LIMITS, validation));
  const loops = fromPlain(JSON.parse(change(JSON.stringify(LIGHTNING[moment]?.loops))));
  if (!(loops instanceof PyDict)) throw new Error(`no moment ${moment}`);
  restoreLoops(loop, loops);
  return loop;
}

interface Expected {
  readonly insideEpoch: boolean;
  readonly finishBatch: ResumePoint["finishBatch"];
  readonly epoch: number;
  readonly batch: number;
  readonly loggerStep: number;
}

/** A batch after which everything is due, and one after whose validation the rest is. */
const TRAINED = { isValidated: false, isCounted: false };
const VALIDATED = { isValidated: true, isCounted: false };

/** Where the run goes on: which epoch, after how many of its batches, at which step of the loggers. */
const CASES: readonly [string, Expected][] = [
  ["onTrainStart epoch=0 step=0", { insideEpoch: false, finishBatch: null, epoch: 0, batch: 0, loggerStep: 0 }],
  ["onTrainEpochStart epoch=0 step=0", { insideEpoch: false, finishBatch: null, epoch: 0, batch: 0, loggerStep: 0 }],
  ["onTrainEpochStart epoch=1 step=5", { insideEpoch: false, finishBatch: null, epoch: 1, batch: 5, loggerStep: 5 }],
  ["onTrainBatchStart epoch=0 step=2", { insideEpoch: true, finishBatch: null, epoch: 0, batch: 2, loggerStep: 2 }],
  ["onTrainBatchEnd epoch=0 step=3", { insideEpoch: true, finishBatch: TRAINED, epoch: 0, batch: 3, loggerStep: 2 }],
  ["onTrainBatchEnd epoch=1 step=9", { insideEpoch: true, finishBatch: TRAINED, epoch: 1, batch: 4, loggerStep: 8 }],
  ["onTrainBatchEnd epoch=1 step=10", { insideEpoch: true, finishBatch: TRAINED, epoch: 1, batch: 5, loggerStep: 9 }],
  ["onValidationEnd epoch=0 step=5", { insideEpoch: true, finishBatch: VALIDATED, epoch: 0, batch: 5, loggerStep: 4 }],
  ["onTrainEpochEnd epoch=0 step=5", { insideEpoch: false, finishBatch: null, epoch: 1, batch: 5, loggerStep: 5 }],
  ["onTrainEpochEnd epoch=1 step=10", { insideEpoch: false, finishBatch: null, epoch: 2, batch: 5, loggerStep: 10 }],
  ["afterFit epoch=2 step=10", { insideEpoch: false, finishBatch: null, epoch: 2, batch: 5, loggerStep: 10 }],
];

test.each(CASES)("a checkpoint written in %s goes on where it stood", (moment, expected) => {
  const loop = loopsAt(moment);
  const point = findResumePoint(loop, { continueCutShort: true });
  const { batchProgress, batchesThatStepped: loggerStep } = loop.epochLoop;
  expect({
    ...point,
    epoch: loop.currentEpoch,
    batch: batchProgress.current.completed,
    loggerStep,
  }).toEqual(expected);
});

/** An epoch that max_steps ended after 3 of 5 batches: its counters say it is over, its last batch was not the last. */
const cutShort = (loops: string): string =>
  loops.replace(
    /"current":{"ready":5,"completed":5,"started":5,"processed":5},"is_last_batch":true/,
    () => '"current":{"ready":3,"completed":3,"started":3,"processed":3},"is_last_batch":false',
  );

test("an epoch that was cut short is continued where the data position is known, and left behind otherwise", () => {
  const moment = "onTrainEpochEnd epoch=1 step=10";
  const continued = loopsAt(moment, cutShort);
  expect(findResumePoint(continued, { continueCutShort: true })).toEqual({ insideEpoch: true, finishBatch: null });
  expect([continued.currentEpoch, continued.progress.current.processed]).toEqual([1, 1]);
  const left = loopsAt(moment, cutShort);
  expect(findResumePoint(left, { continueCutShort: false })).toEqual({ insideEpoch: false, finishBatch: null });
  expect(left.currentEpoch).toBe(2);
});

test("loops without the counters of epochs are refused by name, where Lightning would train too long", () => {
  const withoutEpochs = (loops: string): string => loops.replace('"epoch_progress"', '"epoch_progress_"');
  expect(() => loopsAt("afterFit epoch=2 step=10", withoutEpochs)).toThrow("loops.fit_loop has no epoch_progress");
});
