import { seedEverything } from "../../src/tensor/seed.js";
import { Trainer } from "../../src/trainer/trainer.js";
import {
  Losses,
  QUIET,
  TinyAutoEncoder,
  fitRun,
  loadWeights,
  readRun,
  trained,
  trainerOptions,
  weightsOf,
} from "./tinyRun.js";

const RUNS = [
  "mlp-sgd-none",
  "mlp-sgd-nesterov-steplr",
  "mlp-adam-none",
  "mlp-partial-last-batch",
  "accumulate-2",
  "clip-norm",
  "clip-value",
];

/** Every loss within 1e-5 of torch's, relative. */
function expectLosses(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  const off = expected.map((loss, step) => ({ step, relative: Math.abs((actual[step] ?? Number.NaN) - loss) / loss }));
  expect(off.filter(({ relative }) => !(relative <= 1e-5))).toEqual([]);
}

describe.each(RUNS)("%s", (name) => {
  const { config, steps, final_weights: weights } = readRun(name);
  const perEpoch = steps.length / config.epochs;
  const optimizerSteps = config.epochs * Math.ceil(perEpoch / (config.accumulate_grad_batches ?? 1));

  test("from torch's first weights, every step has torch's loss and learning rate", async () => {
    const module = new TinyAutoEncoder(config);
    await loadWeights(module, trained(`${name}/init.ckpt`));
    const losses = new Losses();
    await fitRun(new Trainer({ ...trainerOptions(config), callbacks: [losses] }), module, config);
    expectLosses(
      losses.losses,
      steps.map(({ loss }) => loss),
    );
    expect(losses.lrs).toEqual(steps.map(({ lr }) => lr[0]));
    const ended = await weightsOf(module);
    for (const [key, values] of Object.entries(weights)) {
      const off = values.map((value, i) => Math.abs(value - (ended[key]?.[i] ?? Number.NaN)));
      expect(Math.max(...off)).toBeLessThan(1e-5);
    }
  });

  test("resumed from Lightning's checkpoint after two epochs, it goes on with the unbroken run's losses", async () => {
    const losses = new Losses();
    const trainer = new Trainer({ ...trainerOptions(config), callbacks: [losses] });
    await fitRun(trainer, new TinyAutoEncoder(config), config, trained(`${name}/epoch2.ckpt`));
    const rest = steps.slice(2 * perEpoch);
    expectLosses(
      losses.losses,
      rest.map(({ loss }) => loss),
    );
    expect(losses.lrs).toEqual(rest.map(({ lr }) => lr[0]));
    expect([trainer.currentEpoch, trainer.globalStep]).toEqual([config.epochs, optimizerSteps]);
  });
});

test("seeded with 42, a shuffled run from scratch has torch's weights, order and losses", async () => {
  const { config, steps } = readRun("mlp-shuffle");
  seedEverything(42);
  const module = new TinyAutoEncoder(config);
  const losses = new Losses();
  await fitRun(new Trainer({ ...QUIET, maxEpochs: config.epochs, callbacks: [losses] }), module, config);
  expectLosses(
    losses.losses,
    steps.map(({ loss }) => loss),
  );
});
