import { fileURLToPath } from "node:url";
import { lightningFits, peerTest, torchLoads } from "./peer.js";
import { filesBelow, inTemporaryFolder, lossesOf, ltrainOk, MNIST, writeText } from "./runs.js";

const HALF = "epoch=1-step=12.ckpt";
const WHOLE = "epoch=3-step=24.ckpt";

/** Relative to the loss: what 24 steps make of roundings that are not all at the same place (docs/precision.md). */
const TOLERANCES = { "16-mixed": 1e-3, "bf16-mixed": 1e-2 } as const;

/** What both sides are told: 24 images in batches of 4, six steps an epoch. */
function configOf(precision: string, folder: string): object {
  return {
    seed_everything: 42,
    model: { class_path: "LitAutoEncoder", init_args: { hidden: 8, latent: 3 } },
    data: {
      class_path: `${fileURLToPath(new URL("firstImages.ts", import.meta.url))}:FirstImages`,
      init_args: { folder: MNIST, size: 24, batch_size: 4 },
    },
    optimizer: { class_path: "torch.optim.Adam", init_args: { lr: 0.01 } },
    trainer: {
      precision,
      accelerator: "cpu",
      engine: "onnxruntime",
      max_epochs: 4,
      default_root_dir: `${folder}/ltrain`,
      log_every_n_steps: 1,
      callbacks: [{ class_path: "ModelCheckpoint", init_args: { save_top_k: -1 } }],
    },
  };
}

function expectLosses(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  const off = expected.map((loss, step) => ({ step, relative: Math.abs((actual[step] ?? NaN) - loss) / loss }));
  expect(off.filter(({ relative }) => !(relative <= tolerance))).toEqual([]);
}

describe.each(["16-mixed", "bf16-mixed"] as const)("%s", (precision) => {
  const tolerance = TOLERANCES[precision];

  peerTest("what Lightning began, ltrain ends with Lightning's losses, and with its scaler's state", async () => {
    await inTemporaryFolder(async (folder) => {
      // Grows every five steps, which is in mid-epoch.
      const scaler = { init_scale: 1024, growth_interval: 5 };
      const config = configOf(precision, folder);
      const unbroken = await lightningFits(config, `${folder}/lightning`, { scaler });
      const half = unbroken.checkpoints.find((path) => path.endsWith(HALF)) ?? "none";

      const file = writeText(folder, "config.json", JSON.stringify(config));
      const resumed = ltrainOk(folder, "resume", half, "--config", file, "--json");

      expectLosses(lossesOf(resumed), unbroken.losses.slice(12), tolerance);
      const ours = await torchLoads(filesBelow(`${folder}/ltrain`, WHOLE)[0] ?? "none");
      const theirs = await torchLoads(unbroken.checkpoints.find((path) => path.endsWith(WHOLE)) ?? "none");
      expect(ours.precision).toEqual(theirs.precision);
      expect(ours.precision["scale"]).toEqual(precision === "16-mixed" ? ["float", 16384] : undefined);
    });
  });

  peerTest("what ltrain began, Lightning ends with ltrain's losses, and with its scaler's state", async () => {
    await inTemporaryFolder(async (folder) => {
      const config = configOf(precision, folder);
      const file = writeText(folder, "config.json", JSON.stringify(config));
      const unbroken = lossesOf(ltrainOk(folder, "train", "--config", file, "--json"));
      const half = filesBelow(folder, HALF)[0] ?? "none";

      // Its own scaler would begin elsewhere: what it has at the end came from the file.
      const resumed = await lightningFits(config, `${folder}/lightning`, { ckptPath: half, scaler: { init_scale: 2 } });

      expectLosses(resumed.losses, unbroken.slice(12), tolerance);
      const { precision: ours } = await torchLoads(filesBelow(`${folder}/ltrain`, WHOLE)[0] ?? "none");
      const values = Object.fromEntries(Object.entries(ours).map(([key, [, value]]) => [key, value]));
      expect(values).toEqual(resumed.scaler ?? {});
    });
  });
});
