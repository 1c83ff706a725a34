import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { TRAINER_OPTIONS } from "../../src/config/trainerOptions.js";
import { LIGHTNING_ARGUMENTS } from "../../src/trainer/lightningArguments.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { resolveOptions } from "../../src/trainer/options.js";

const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");

/** The signature of Lightning 2.6.6's Trainer, as fixtures/trainer/make.py found it. */
const LIGHTNING = JSON.parse(read("../fixtures/trainer/arguments.json")) as Readonly<Record<string, unknown>>;

test("every argument of Lightning's Trainer is an option here, or is answered", () => {
  const known = [...Object.keys(TRAINER_OPTIONS), ...Object.keys(LIGHTNING_ARGUMENTS), "callbacks", "logger"];
  expect(Object.keys(LIGHTNING).filter((name) => !known.includes(name))).toEqual([]);
  expect(Object.keys(LIGHTNING_ARGUMENTS).filter((name) => !(name in LIGHTNING))).toEqual([]);
});

test("Lightning's default of what is only answered is accepted", () => {
  for (const [name, { accepts }] of Object.entries(LIGHTNING_ARGUMENTS)) {
    expect([name, accepts.includes(LIGHTNING[name])]).toEqual([name, true]);
  }
});

test("docs/trainer.md has a line for every argument, in Lightning's order", () => {
  const lines = [...read("../../docs/trainer.md").matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name);
  expect(lines).toEqual(Object.keys(LIGHTNING));
});

test("the defaults of an option are Lightning's", () => {
  const names = Object.keys(LIGHTNING).filter((name) => name in TRAINER_OPTIONS && name !== "precision");
  const defaults = names.map((name) => {
    const option = TRAINER_OPTIONS[name as keyof typeof TRAINER_OPTIONS];
    return [name, option.parse(undefined)];
  });
  expect(Object.fromEntries(defaults)).toEqual(Object.fromEntries(names.map((name) => [name, LIGHTNING[name]])));
});

// The messages of Lightning's errors say the same.
test.each<[TrainerOptions, string]>([
  [
    { barebones: true, enableCheckpointing: true },
    "trainer.barebones is true, and trainer.enable_checkpointing is true",
  ],
  [{ barebones: true, logger: true }, "trainer.barebones is true, and trainer.logger is true"],
  [{ barebones: true, enableProgressBar: true }, "trainer.enable_progress_bar is true"],
  [{ barebones: true, logEveryNSteps: 5 }, "trainer.log_every_n_steps is 5"],
  [{ barebones: true, enableModelSummary: true }, "trainer.enable_model_summary is true"],
  [{ barebones: true, numSanityValSteps: 2 }, "trainer.num_sanity_val_steps is 2"],
  [{ barebones: true, fastDevRun: true }, "trainer.fast_dev_run is true"],
  [{ barebones: true, detectAnomaly: true }, "trainer.detect_anomaly is true"],
  [{ valCheckInterval: 1.5 }, "trainer.val_check_interval must be a number of training batches or a part"],
  [{ valCheckInterval: 0 }, "trainer.val_check_interval must be a number of training batches or a part"],
  [{ valCheckInterval: "1:00" }, 'trainer.val_check_interval: "1:00" is not a length of time'],
  [{ valCheckInterval: 0.5, checkValEveryNEpoch: null }, "and check_val_every_n_epoch is null"],
  [{ minSteps: -1 }, "trainer.min_steps must be a whole number not below 0, got -1"],
  [{ maxTime: "soon" }, 'Timer: "soon" is not a length of time'],
  [{ overfitBatches: 1.5 }, "trainer.overfit_batches must be a number of batches or a fraction below 1, got 1.5"],
  [{ reloadDataloadersEveryNEpochs: -1 }, "trainer.reload_dataloaders_every_n_epochs must be a whole number"],
  [{ devices: 2 } as TrainerOptions, "trainer.devices is 2: ltrain trains on one device"],
  [{ strategy: "ddp" } as TrainerOptions, 'trainer.strategy is "ddp": ltrain trains on one device'],
])("%j is refused", (options, message) => {
  expect(() => resolveOptions({ maxEpochs: 1, ...options })).toThrow(message);
});

test("barebones leaves out what Lightning's leaves out", () => {
  const { loggers, callbacks, logEveryNSteps, numSanityValSteps } = resolveOptions({
    maxEpochs: 1,
    barebones: true,
    logger: [],
  });
  expect([loggers, callbacks, logEveryNSteps, numSanityValSteps]).toEqual([[], [], 0, 0]);
});

test("max_time adds a Timer, and there is no limit of epochs then", () => {
  const { callbacks, maxEpochs, warnings } = resolveOptions({ maxTime: { minutes: 1 }, enableCheckpointing: false });
  expect(callbacks.map((callback) => callback.constructor.name)).toEqual(["Timer", "RunRecorder"]);
  expect([maxEpochs, warnings]).toEqual([-1, []]);
});

test("min_steps alone makes the first epoch begin", () => {
  expect(resolveOptions({ maxEpochs: 2, minSteps: 3 })).toMatchObject({ minEpochs: 1, minSteps: 3 });
  expect(resolveOptions({ maxEpochs: 2 })).toMatchObject({ minEpochs: 0, minSteps: 0 });
});
