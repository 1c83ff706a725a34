import { fileURLToPath } from "node:url";
import { lightningFits, peerTest, torchLoads } from "./peer.js";
import type { FitSpec } from "./peer.js";
import { filesBelow, inTemporaryFolder, lossesOf, ltrainOk, MNIST, writeText } from "./runs.js";

/** What both sides are told: 24 images in batches of 4, six steps an epoch. */
const SPEC = {
  init_args: { hidden: 8, latent: 3 },
  optimizer: "Adam",
  optimizer_args: { lr: 0.01 },
  batch_size: 4,
  train_size: 24,
  max_epochs: 4,
} as const satisfies FitSpec;
const HALF = "epoch=1-step=12.ckpt";
const WHOLE = "epoch=3-step=24.ckpt";

/** Relative to the loss: what 24 steps make of roundings that are not all at the same place (docs/precision.md). */
const TOLERANCES = { "16-mixed": 1e-3, "bf16-mixed": 1e-2 } as const;

function configOf(precision: string): string {
  return JSON.stringify({
    seed_everything: 42,
    model: { class_path: "LitAutoEncoder", init_args: SPEC.init_args },
    data: {
      class_path: `${fileURLToPath(new URL("firstImages.ts", import.meta.url))}:FirstImages`,
      init_args: { folder: MNIST, size: SPEC.train_size, batch_size: SPEC.batch_size },
    },
    optimizer: { class_path: "torch.optim.Adam", init_args: SPEC.optimizer_args },
    trainer: {
      precision,
      accelerator: "cpu",
      engine: "onnxruntime",
      max_epochs: SPEC.max_epochs,
      log_every_n_steps: 1,
      callbacks: [{ class_path: "ModelCheckpoint", init_args: { save_top_k: -1 } }],
    },
  });
}

function expectLosses(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  const off = expected.map((loss, step) => ({ step, relative: Math.abs((actual[step] ?? NaN) - loss) / loss }));
  expect(off.filter(({ relative }) => !(relative <= tolerance))).toEqual([]);
}

describe.each(["16-mixed", "bf16-mixed"] as const)("%s", (precision) => {
  const tolerance = TOLERANCES[precision];

  peerTest("what Lightning began, ltrain ends with Lightning's losses, and with its scaler's state", async () => {
    await inTemporaryFolder((folder) => {
      // Grows every five steps, which is in mid-epoch.
      const scaler = { init_scale: 1024, growth_interval: 5 };
      const unbroken = lightningFits(MNIST, `${folder}/lightning`, { ...SPEC, precision, scaler });
      const half = unbroken.checkpoints.find((path) => path.endsWith(HALF)) ?? "none";
      const config = writeText(folder, "config.json", configOf(precision));

      const resumed = ltrainOk(folder, "resume", half, "--config", config, "--json");

      expectLosses(lossesOf(resumed), unbroken.losses.slice(12), tolerance);
      const ours = torchLoads(filesBelow(`${folder}/lightning_logs`, WHOLE)[0] ?? "none");
      const theirs = torchLoads(unbroken.checkpoints.find((path) => path.endsWith(WHOLE)) ?? "none");
      expect(ours.precision).toEqual(theirs.precision);
      expect(ours.precision["scale"]).toEqual(precision === "16-mixed" ? ["float", 16384] : undefined);
    });
  });

  peerTest("what ltrain began, Lightning ends with ltrain's losses, and with its scaler's state", async () => {
    await inTemporaryFolder((folder) => {
      const config = writeText(folder, "config.json", configOf(precision));
      const unbroken = lossesOf(ltrainOk(folder, "train", "--config", config, "--json"));
      const half = filesBelow(folder, HALF)[0] ?? "none";

      // Its own scaler would begin elsewhere: what it has at the end came from the file.
      const resumed = lightningFits(
        MNIST,
        `${folder}/lightning`,
        { ...SPEC, precision, scaler: { init_scale: 2 } },
        half,
      );

      expectLosses(resumed.losses, unbroken.slice(12), tolerance);
      const { precision: ours } = torchLoads(filesBelow(`${folder}/lightning_logs`, WHOLE)[0] ?? "none");
      const values = Object.fromEntries(Object.entries(ours).map(([key, [, value]]) => [key, value]));
      expect(values).toEqual(resumed.scaler ?? {});
    });
  });
});
