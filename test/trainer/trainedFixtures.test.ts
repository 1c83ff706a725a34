import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { seedEverything } from "../../src/tensor/seed.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { corpusRun, corpusRuns, StepNotes } from "./corpus.js";
import { expectSameTree } from "./sameTree.js";
import {
  inTemporaryFolder,
  loadWeights,
  readRun,
  SaveAtEpochEnds,
  trained,
  trainerOptions,
  weightsOf,
} from "./tinyRun.js";

/** The first loss within 1e-6 of torch's, all others within 1e-5, relative. */
function expectLosses(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  const off = expected.map((loss, step) => ({ step, relative: Math.abs((actual[step] ?? NaN) - loss) / loss }));
  expect(off.filter(({ step, relative }) => !(relative <= (step === 0 ? 1e-6 : 1e-5)))).toEqual([]);
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
    if (config.scheduler === "ReduceLROnPlateau") {
      expect(warnings).toContainEqual(expect.stringContaining("the step is lost"));
    }
    if (resumesElsewhere(run)) return;
    const rest = steps.slice(2 * perEpoch);
    expectLosses(
      notes.losses,
      rest.map(({ loss }) => loss),
    );
    expect(notes.lrs).toEqual(rest.map(({ lr }) => lr));
  });
});

test("a plateau scheduler's step that was due when the checkpoint was written is taken when it is resumed", async () => {
  const { config, steps, final_weights: weights } = readRun("mlp-sgd-plateau");
  await inTemporaryFolder(async (folder) => {
    const { module, data } = await corpusRun(config, Object.keys(weights));
    await loadWeights(module, trained("mlp-sgd-plateau/init.ckpt"));
    const options = { ...trainerOptions(config), numSanityValSteps: 0, enableCheckpointing: null };
    await new Trainer({ ...options, callbacks: [new SaveAtEpochEnds(folder)] }).fit(module, data);
    for (const epoch of [0, 1, 2]) {
      const again = await corpusRun(config, Object.keys(weights));
      const notes = new StepNotes();
      const trainer = new Trainer({ ...options, callbacks: [notes, new SaveAtEpochEnds(`${folder}/again`)] });
      await trainer.fit(again.module, again.data, { ckptPath: `${folder}/epoch${epoch}.ckpt` });
      expect([epoch, notes.lrs]).toEqual([epoch, steps.slice(5 * (epoch + 1)).map(({ lr }) => lr)]);
    }
  });
});
