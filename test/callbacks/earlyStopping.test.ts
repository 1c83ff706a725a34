import { readFileSync } from "node:fs";
import { EarlyStopping } from "../../src/callbacks/earlyStopping.js";
import type { EarlyStoppingOptions } from "../../src/callbacks/earlyStopping.js";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { PyDict } from "../../src/pickle/values.js";
import { pythonFloat } from "../../src/pickle/pythonFloat.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { fakeTrainer } from "./fakeTrainer.js";
import type { FakeTrainer } from "./fakeTrainer.js";

interface Case {
  readonly name: string;
  readonly args: Record<string, unknown>;
  readonly trainer: { readonly check_val_every_n_epoch?: number; readonly fast_dev_run?: number };
  readonly metrics: readonly string[];
  readonly epochs: readonly { readonly stop: boolean; readonly state: unknown }[];
}
const truth = JSON.parse(
  readFileSync(new URL("../fixtures/callbacks/earlyStopping.json", import.meta.url), "utf8"),
) as {
  readonly keys: readonly { readonly args: Record<string, unknown>; readonly key: string }[];
  readonly cases: readonly Case[];
};
const PYTHON_FLOATS: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const toNumber = (text: string): number => PYTHON_FLOATS[text] ?? Number(text);
const camelCase = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const optionsOf = (args: Record<string, unknown>): EarlyStoppingOptions => ({
  monitor: "val_loss",
  ...Object.fromEntries(Object.entries(args).map(([name, value]) => [camelCase(name), value])),
});

/** A state in the form the fixture has it. */
async function plain(state: PyDict): Promise<unknown> {
  return Promise.all(
    [...state].map(async ([key, value]) => {
      if (!(value instanceof StoredTensor)) return [key, value];
      expect([value.dtype, value.shape]).toEqual(["float32", []]);
      return [key, { score: pythonFloat(Buffer.from(await value.storage.read(0, 4)).readFloatLE()) }];
    }),
  );
}

/** The end of an epoch whose validation, where it is due, logs a value. */
function endEpoch(stopping: EarlyStopping, trainer: FakeTrainer, value: string): void {
  if ((trainer.currentEpoch + 1) % (trainer.checkValEveryNEpoch ?? 1) === 0) {
    trainer.callbackMetrics.set("val_loss", toNumber(value));
    stopping.onValidationEnd(trainer);
  }
  stopping.onTrainEpochEnd(trainer);
}

test.each(truth.cases.map(({ name }) => name))("stops when Lightning stops, in its state: %s", async (name) => {
  const recorded = truth.cases.find((each) => each.name === name);
  if (recorded === undefined) throw new Error(name);
  let stopping = new EarlyStopping(optionsOf(recorded.args));
  const trainer = fakeTrainer({
    checkValEveryNEpoch: recorded.trainer.check_val_every_n_epoch ?? 1,
    fastDevRun: recorded.trainer.fast_dev_run !== undefined,
  });
  expect(recorded.epochs.length).toBeGreaterThan(0);
  for (const [epoch, expected] of recorded.epochs.entries()) {
    trainer.currentEpoch = epoch;
    endEpoch(stopping, trainer, recorded.metrics[epoch] ?? "");
    const state = stopping.stateDict();
    expect({ epoch, stop: trainer.shouldStop, state: await plain(state) }).toEqual({ epoch, ...expected });
    // Going on from the file is going on.
    stopping = new EarlyStopping(optionsOf(recorded.args));
    await stopping.loadStateDict(state);
  }
});

test.each(truth.keys)("the state key is Lightning's: $key", ({ args, key }) => {
  expect(new EarlyStopping(optionsOf(args)).stateKey).toBe(key);
});

test("the sanity check's values do not count", () => {
  const stopping = new EarlyStopping({ monitor: "val_loss", checkOnTrainEpochEnd: false, patience: 0 });
  const trainer = fakeTrainer({ stage: "sanityCheck" });
  trainer.callbackMetrics.set("val_loss", NaN);
  stopping.onValidationEnd(trainer);
  expect([trainer.shouldStop, stopping.waitCount]).toEqual([false, 0]);
});

test("a metric that nobody logs is an error that names those there are", () => {
  const stopping = new EarlyStopping({ monitor: "val_los" });
  const trainer = fakeTrainer();
  trainer.callbackMetrics.set("val_loss", 1).set("acc", 0.5);
  expect(() => {
    stopping.onTrainEpochEnd(trainer);
  }).toThrow('EarlyStopping watches "val_los", and nobody has logged it; there is val_loss, acc');
});

test("told to speak, it says what has become better; why it stops is the run's last word", () => {
  const stopping = new EarlyStopping({ monitor: "val_loss", verbose: true, patience: 1 });
  const trainer = fakeTrainer();
  for (const [epoch, value] of ["0.5", "0.25", "0.75"].entries()) {
    trainer.currentEpoch = epoch;
    endEpoch(stopping, trainer, value);
  }
  expect(trainer.warnings).toEqual([
    "epoch 0: Metric val_loss improved. New best score: 0.500",
    "epoch 1: Metric val_loss improved by 0.250 >= min_delta = 0.0. New best score: 0.250",
  ]);
  expect(stopping.stopReason).toBe(
    "Monitored metric val_loss did not improve in the last 1 records. Best score: 0.250. Signaling Trainer to stop.",
  );
  expect([stopping.stoppingReason, stopping.stoppedEpoch, stopping.bestScore]).toEqual(["patienceExhausted", 2, 0.25]);
});

test("a state of before Lightning 2.6 has no reason, one of other tools plain numbers; the patience given here counts", async () => {
  const state = PyDict.from({ wait_count: 1, stopped_epoch: 0, best_score: 0.25, patience: 5 });
  const asIs = new EarlyStopping({ monitor: "val_loss" });
  await asIs.loadStateDict(state);
  expect([asIs.waitCount, asIs.bestScore, asIs.patience, asIs.stoppingReason]).toEqual([1, 0.25, 5, "notStopped"]);
  const changed = new EarlyStopping({ monitor: "val_loss", patience: 2 });
  await changed.loadStateDict(state);
  expect([changed.waitCount, changed.patience]).toEqual([1, 2]);
});

test.each([
  [{ mode: "least" }, 'EarlyStopping: mode must be "min" or "max", got "least"'],
  [{ patience: 1.5 }, "EarlyStopping: patience must be 0 or more, got 1.5"],
  [{ patience: -1 }, "EarlyStopping: patience must be 0 or more, got -1"],
  [{ minDelta: NaN }, "EarlyStopping: min_delta must be finite, got NaN"],
])("refuses %j", (options, message) => {
  expect(() => new EarlyStopping({ monitor: "x", ...(options as object) })).toThrow(message);
});

test("the state in a file that Lightning wrote is taken and written again as it is", async () => {
  const path = new URL("../fixtures/lightning/plateau-earlystopping-topk-last.ckpt", import.meta.url).pathname;
  const { checkpoint, close } = await loadCheckpoint(path);
  try {
    const stopping = new EarlyStopping({ monitor: "val_loss" });
    const state = checkpoint.callbacks?.get(stopping.stateKey);
    if (!(state instanceof PyDict)) throw new Error("the file has no EarlyStopping under this key");
    const saved = await plain(state);
    await stopping.loadStateDict(state);
    expect(await plain(stopping.stateDict())).toEqual(saved);
  } finally {
    await close();
  }
});
