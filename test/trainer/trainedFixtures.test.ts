import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { PyDict, PyFloat, PyTuple, type PyValue } from "../../src/pickle/values.js";
import { float32Values } from "../../src/storage/hostTensor.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { seedEverything } from "../../src/tensor/seed.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { corpusRun, corpusRuns, StepNotes } from "./corpus.js";
import { inTemporaryFolder, loadWeights, readRun, trained, trainerOptions, weightsOf } from "./tinyRun.js";

/** The first loss within 1e-6 of torch's, all others within 1e-5, relative. */
function expectLosses(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  const off = expected.map((loss, step) => ({ step, relative: Math.abs((actual[step] ?? NaN) - loss) / loss }));
  expect(off.filter(({ step, relative }) => !(relative <= (step === 0 ? 1e-6 : 1e-5)))).toEqual([]);
}

/** The same keys in the same order with the same types; numbers are equal, tensors within 1e-5 of each other. */
async function expectSameTree(actual: PyValue, expected: PyValue, path = ""): Promise<void> {
  if (expected instanceof StoredTensor) {
    if (!(actual instanceof StoredTensor)) throw new Error(`${path} is no tensor`);
    expect([path, actual.dtype, actual.shape]).toEqual([path, expected.dtype, expected.shape]);
    const [a, b] = [float32Values(await readTensor(actual)), float32Values(await readTensor(expected))];
    const off = [...b].map((value, i) => Math.abs((a[i] ?? NaN) - value) / Math.max(1, Math.abs(value)));
    expect([path, Math.max(0, ...off) <= 1e-5]).toEqual([path, true]);
    return;
  }
  expect([path, actual?.constructor]).toEqual([path, expected?.constructor]);
  if (expected instanceof PyDict && actual instanceof PyDict) {
    expect([path, actual.kind, actual.keys()]).toEqual([path, expected.kind, expected.keys()]);
    for (const [key, value] of expected) await expectSameTree(actual.get(key) ?? null, value, `${path}.${String(key)}`);
    return;
  }
  const items = (value: PyValue): readonly PyValue[] | undefined =>
    value instanceof PyTuple ? value.items : Array.isArray(value) ? value : undefined;
  const [own, theirs] = [items(actual), items(expected)];
  if (own === undefined || theirs === undefined) {
    // A metric is a mean of float32 losses, and agrees as they do.
    if (path.endsWith(".best") && actual instanceof PyFloat && expected instanceof PyFloat) {
      expect(Math.abs(actual.value - expected.value) / expected.value).toBeLessThanOrEqual(1e-5);
    } else expect([path, actual]).toEqual([path, expected]);
    return;
  }
  expect([path, own.length]).toEqual([path, theirs.length]);
  for (const [i, value] of theirs.entries()) await expectSameTree(own[i] ?? null, value, `${path}[${i}]`);
}

/** Whether Lightning's file in the middle leaves its run: it holds no random state, and not the plateau's last step. */
const resumesElsewhere = (run: {
  readonly config: { readonly shuffle: boolean; readonly scheduler: string | null };
}): boolean => run.config.shuffle || run.config.scheduler === "ReduceLROnPlateau";

describe.each(corpusRuns())("%s", (name) => {
  const run = readRun(name);
  const { config, steps, final_weights: weights } = run;
  const perEpoch = steps.length / config.epochs;
  const optimizerSteps = config.epochs * Math.ceil(perEpoch / (config.accumulate_grad_batches ?? 1));

  test("from torch's first weights, every step has torch's loss and rates, and the file at the end is Lightning's", async () => {
    await inTemporaryFolder(async (folder) => {
      const { module, data } = await corpusRun(config, Object.keys(weights));
      if (config.shuffle) seedEverything(config.seed ?? 42);
      const fresh = config.shuffle ? await corpusRun(config, Object.keys(weights)) : { module };
      if (!config.shuffle) await loadWeights(module, trained(`${name}/init.ckpt`));
      const notes = new StepNotes();
      const trainer = new Trainer({ ...trainerOptions(config), numSanityValSteps: 0, callbacks: [notes] });
      await trainer.fit(fresh.module, data);
      expectLosses(
        notes.losses,
        steps.map(({ loss }) => loss),
      );
      expect(notes.lrs).toEqual(steps.map(({ lr }) => lr));
      const ended = await weightsOf(fresh.module);
      for (const [key, values] of Object.entries(weights)) {
        // Counts are compared with the file below; a third of these has no gradient but noise.
        if (/num_batches_tracked$|qkv\.bias$/.test(key)) continue;
        const off = values.map((value, i) => Math.abs(value - (ended[key]?.[i] ?? Number.NaN)));
        expect([key, Math.max(...off) <= 2e-5]).toEqual([key, true]);
      }
      if (name.startsWith("gpt")) return; // the moments of that noise are noise as well
      await trainer.saveCheckpoint(`${folder}/end.ckpt`);
      const [ours, theirs] = [
        await loadCheckpoint(`${folder}/end.ckpt`),
        await loadCheckpoint(trained(`${name}/final.ckpt`)),
      ];
      await expectSameTree(
        [...(ours.checkpoint.optimizerStates ?? [])],
        [...(theirs.checkpoint.optimizerStates ?? [])],
      );
      await expectSameTree([...(ours.checkpoint.lrSchedulers ?? [])], [...(theirs.checkpoint.lrSchedulers ?? [])]);
      await Promise.all([ours.close(), theirs.close()]);
    });
  });

  test("resumed from Lightning's checkpoint after two epochs, it goes on with the unbroken run's losses and rates", async () => {
    const { module, data } = await corpusRun(config, Object.keys(weights));
    const notes = new StepNotes();
    const warnings: string[] = [];
    const onWarning = (message: string): unknown => warnings.push(message);
    const trainer = new Trainer({ ...trainerOptions(config), numSanityValSteps: 0, callbacks: [notes], onWarning });
    await trainer.fit(module, data, { ckptPath: trained(`${name}/epoch2.ckpt`) });
    expect([trainer.currentEpoch, trainer.globalStep]).toEqual([config.epochs, optimizerSteps]);
    if (resumesElsewhere(run)) return;
    const rest = steps.slice(2 * perEpoch);
    expectLosses(
      notes.losses,
      rest.map(({ loss }) => loss),
    );
    expect(notes.lrs).toEqual(rest.map(({ lr }) => lr));
  });
});
