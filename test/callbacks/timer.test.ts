import { readFileSync } from "node:fs";
import { Timer } from "../../src/callbacks/timer.js";
import type { DurationParts } from "../../src/core/duration.js";
import { pythonFloat } from "../../src/pickle/pythonFloat.js";
import { PyDict, PyFloat } from "../../src/pickle/values.js";
import { fakeTrainer } from "./fakeTrainer.js";

interface Case {
  readonly elapsed: number;
  readonly duration?: string | DurationParts;
  readonly seconds: number | null;
  readonly remaining: number | null;
  readonly stop: boolean;
  readonly said: readonly string[];
  readonly state: readonly (readonly [string, string])[];
}
const { timers } = JSON.parse(
  readFileSync(new URL("../fixtures/callbacks/accumulationAndTime.json", import.meta.url), "utf8"),
) as { readonly timers: readonly Case[] };

/** The times in a state as Python shows them. */
function shown(timer: Timer): [unknown, string][] {
  const elapsed = timer.stateDict().get("time_elapsed");
  if (!(elapsed instanceof PyDict)) throw new Error("no time_elapsed");
  return [...elapsed].map(([key, value]) => [
    key,
    value instanceof PyFloat ? pythonFloat(value.value) : String(value as number),
  ]);
}

test.each(timers)("as Lightning's: $elapsed s of $duration", (recorded) => {
  const timer = new Timer({ ...(recorded.duration !== undefined && { duration: recorded.duration }) });
  timer.loadStateDict(PyDict.from({ time_elapsed: PyDict.from({ train: new PyFloat(recorded.elapsed) }) }));
  const trainer = fakeTrainer();
  timer.onFitStart(trainer);
  expect({
    seconds: timer.duration,
    remaining: timer.timeRemaining(),
    stop: trainer.shouldStop,
    said: timer.stopReason === null ? [] : [timer.stopReason],
    state: shown(timer),
  }).toEqual({
    seconds: recorded.seconds,
    remaining: recorded.remaining,
    stop: recorded.stop,
    said: recorded.said,
    state: recorded.state,
  });
});

test("it counts from the beginning of training, over validation too, and stops after the batch that is over the limit", () => {
  let now = 1000;
  const timer = new Timer({ duration: 10, clock: () => now });
  const trainer = fakeTrainer();
  timer.onFitStart(trainer);
  timer.onValidationStart();
  now += 2000;
  timer.onValidationEnd(); // the sanity check, before training
  timer.onTrainStart();
  now += 4500;
  timer.onTrainBatchEnd(trainer);
  expect([trainer.shouldStop, timer.timeElapsed(), timer.timeRemaining()]).toEqual([false, 4.5, 5.5]);
  timer.onValidationStart();
  now += 3000;
  timer.onValidationEnd();
  expect([timer.timeElapsed("validate"), timer.timeElapsed()]).toEqual([3, 7.5]);
  now += 2500;
  timer.onTrainBatchEnd(trainer);
  expect(trainer.shouldStop).toBe(true);
  timer.onTrainEnd();
  now += 60_000;
  expect(shown(timer)).toEqual([
    ["train", "10.0"],
    ["sanity_check", "0"],
    ["validate", "3.0"],
    ["test", "0"],
    ["predict", "0"],
  ]);

  const resumed = new Timer({ duration: 15, interval: "epoch", clock: () => now });
  resumed.loadStateDict(timer.stateDict());
  const other = fakeTrainer();
  resumed.onTrainStart();
  now += 6000;
  resumed.onTrainBatchEnd(other);
  expect([other.shouldStop, resumed.timeElapsed()]).toEqual([false, 16]);
  resumed.onTrainEpochEnd(other);
  expect([other.shouldStop, resumed.stopReason]).toEqual([
    true,
    "Time limit reached. Elapsed time is 0:00:16. Signaling Trainer to stop.",
  ]);
});

test.each(["1:00", "00:00:00:1", -1, { fortnights: 1 } as DurationParts])("refuses %j as a duration", (duration) => {
  expect(() => new Timer({ duration })).toThrow(`Timer: ${JSON.stringify(duration)} is not a length of time`);
});
