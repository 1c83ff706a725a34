import { fileURLToPath } from "node:url";
import { lightningFits, peerTest } from "./peer.js";
import type { FitSpec } from "./peer.js";
import { filesBelow, inTemporaryFolder, lossesOf, ltrainOk, MNIST, writeText } from "./runs.js";

/** What both sides are told; 22 images in batches of 4: the last batch of an epoch is smaller. */
const COMMON = { init_args: { hidden: 8, latent: 3 }, batch_size: 4, train_size: 22, max_epochs: 4 } as const;
const STEPS_PER_EPOCH = 6;

const SPECS: readonly FitSpec[] = [
  { ...COMMON, optimizer: "SGD", optimizer_args: { lr: 0.5 } },
  {
    ...COMMON,
    optimizer: "SGD",
    optimizer_args: { lr: 0.5, momentum: 0.9, nesterov: true, weight_decay: 0.001 },
    scheduler: "StepLR",
    scheduler_args: { step_size: 1, gamma: 0.5 },
  },
  { ...COMMON, optimizer: "Adam", optimizer_args: { lr: 0.01 } },
  {
    ...COMMON,
    optimizer: "Adam",
    optimizer_args: { lr: 0.02, weight_decay: 0.01 },
    scheduler: "StepLR",
    scheduler_args: { step_size: 2, gamma: 0.3 },
  },
  { ...COMMON, optimizer: "Adam", optimizer_args: { lr: 0.02, amsgrad: true } },
];

const describeSpec = (spec: FitSpec): string =>
  `${spec.optimizer} ${JSON.stringify(spec.optimizer_args)}` +
  (spec.scheduler === undefined ? "" : ` with ${spec.scheduler} ${JSON.stringify(spec.scheduler_args)}`);

/** The same run as ltrain's config; JSON is YAML. */
function configOf(spec: FitSpec, maxEpochs: number): string {
  return JSON.stringify({
    seed_everything: 42,
    model: { class_path: "LitAutoEncoder", init_args: spec.init_args },
    data: {
      class_path: `${fileURLToPath(new URL("firstImages.ts", import.meta.url))}:FirstImages`,
      init_args: { folder: MNIST, size: spec.train_size, batch_size: spec.batch_size },
    },
    optimizer: { class_path: `torch.optim.${spec.optimizer}`, init_args: spec.optimizer_args },
    ...(spec.scheduler === undefined
      ? {}
      : {
          lr_scheduler: {
            class_path: `torch.optim.lr_scheduler.${spec.scheduler}`,
            init_args: spec.scheduler_args,
          },
        }),
    trainer: {
      max_epochs: maxEpochs,
      log_every_n_steps: 1,
      callbacks: [{ class_path: "ModelCheckpoint", init_args: { save_top_k: -1 } }],
    },
  });
}

/** Every loss within 1e-5 of what it should be, relative, as the issue of resuming across both worlds asks. */
function expectLosses(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  const off = expected.map((loss, step) => ({ step, relative: Math.abs((actual[step] ?? NaN) - loss) / loss }));
  expect(off.filter(({ relative }) => !(relative <= 1e-5))).toEqual([]);
}

describe.each(SPECS.map((spec) => [describeSpec(spec), spec] as const))("%s", (_, spec) => {
  peerTest("what Lightning began, ltrain ends with the losses of Lightning's unbroken run", async () => {
    await inTemporaryFolder((folder) => {
      const unbroken = lightningFits(MNIST, `${folder}/lightning`, spec);
      const half = unbroken.checkpoints.find((path) => path.endsWith("epoch=1-step=12.ckpt")) ?? "none";
      const config = writeText(folder, "config.json", configOf(spec, spec.max_epochs));

      const resumed = ltrainOk(folder, "resume", half, "--config", config, "--json");

      expectLosses(lossesOf(resumed), unbroken.losses.slice(2 * STEPS_PER_EPOCH));
    });
  });

  peerTest("what ltrain began, Lightning ends with the losses of ltrain's unbroken run", async () => {
    await inTemporaryFolder((folder) => {
      const config = writeText(folder, "config.json", configOf(spec, spec.max_epochs));
      const unbroken = lossesOf(ltrainOk(folder, "train", "--config", config, "--json"));
      expect(unbroken).toHaveLength(spec.max_epochs * STEPS_PER_EPOCH);
      const half = filesBelow(folder, "epoch=1-step=12.ckpt")[0] ?? "none";

      const resumed = lightningFits(MNIST, `${folder}/lightning`, spec, half);

      expectLosses(resumed.losses, unbroken.slice(2 * STEPS_PER_EPOCH));
    });
  });

  peerTest("from the same seed, ltrain and Lightning take the same run from the first step on", async () => {
    await inTemporaryFolder((folder) => {
      const config = writeText(folder, "config.json", configOf(spec, spec.max_epochs));
      const ours = lossesOf(ltrainOk(folder, "train", "--config", config, "--json"));

      expectLosses(ours, lightningFits(MNIST, `${folder}/lightning`, spec).losses);
    });
  });
});
