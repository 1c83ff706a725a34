import { execFile } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { World } from "./worlds.js";
import { cutOff, flipByte, SHORT, trainerOptions } from "./worlds.js";
import { spawnLtrain } from "../cli/spawnLtrain.js";

const git = promisify(execFile);
const ADAM = "lightning/autoencoder-adam-steplr.ckpt";
const BEST = "lightning/plateau-earlystopping-topk-best.ckpt";
const CHECKPOINTS = "lightning_logs/version_0/checkpoints";

/** A page that has commands has its world here. */
export const WORLDS: Readonly<Record<string, World>> = {
  "README.md": {
    run: { of: "classifier" },
    numbersVary: true,
    unstable: /^(?:epoch|done|compiled|best|resume|inspect) /, // of two steps they tell less
    files: { "plateau-earlystopping-topk-best.ckpt": BEST },
    prepare: async (folder) => {
      await cp(join(folder, CHECKPOINTS, "last.ckpt"), join(folder, "epoch=9-step=1000.ckpt"));
      await writeConfig(folder, "classifier");
      await writeFile(join(folder, "autoencoder.ts"), await ownModule());
    },
    before: {
      // Of an autoencoder there is more than one part to take.
      "npx ltrain extract --prefix encoder. --strip-prefix -o encoder.pt": async (folder) => {
        await rm(join(folder, "lightning_logs"), { recursive: true });
        await cp(join(folder, "../autoencoder/lightning_logs"), join(folder, "lightning_logs"), { recursive: true });
      },
    },
  },
  "docs/config.md": { numbersVary: true },
  "docs/diff.md": {
    files: {
      "epoch2.ckpt": "trained/mlp-adam-none/epoch2.ckpt",
      "final.ckpt": "trained/mlp-adam-none/final.ckpt",
      "model.ckpt": "trained/mlp-adam-none/epoch2.ckpt",
    },
    prepare: async (folder) => {
      const run = (program: string, ...args: readonly string[]) => git(program, [...args], { cwd: folder });
      const me = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
      await run("git", "init", "--quiet");
      await run("git", "add", "model.ckpt");
      await run("git", ...me, "commit", "--quiet", "-m", "first");
      await cp(join(folder, "final.ckpt"), join(folder, "model.ckpt"));
      await run("git", ...me, "commit", "--quiet", "-am", "second");
      const rename = ["--prefix", "", "--rename", "encoder=backbone", "-o", "old.ckpt"];
      await spawnLtrain(folder, ["extract", "epoch2.ckpt", ...rename]);
      await cp(join(folder, "epoch2.ckpt"), join(folder, "new.ckpt"));
    },
    codes: { "ltrain diff epoch2.ckpt final.ckpt": 1, "ltrain diff --weights --map names.json old.ckpt new.ckpt": 1 },
  },
  "docs/engines.md": {},
  "docs/evaluate.md": {
    run: { of: "classifier" },
    numbersVary: true,
    prepare: async (folder) => {
      for (const name of ["epoch=9-step=1000.ckpt", "lightning.ckpt"])
        await cp(join(folder, CHECKPOINTS, "last.ckpt"), join(folder, name));
      await writeConfig(folder, "classifier");
      const rowOf = (cell: (i: number) => unknown): string =>
        `${Array.from({ length: 784 }, (_, i) => cell(i)).join(",")}\n`;
      await writeFile(join(folder, "new.csv"), rowOf((i) => `p${i}`) + rowOf((i) => (i % 7) / 7));
      const black = Buffer.alloc(28 * 28);
      await mkdir(join(folder, "images"));
      for (const name of ["a.pgm", "b.pgm"]) await writeFile(join(folder, "images", name), Buffer.concat([Buffer.from("P5 28 28 255\n"), black])); // prettier-ignore
    },
  },
  "docs/export.md": {
    run: { of: "autoencoder" },
    numbersVary: true,
    unstable: /^checked /, // how far off it is depends on the weights
    prepare: async (folder) => {
      const options = [...trainerOptions(SHORT), "--trainer.default_root_dir", "cnn"];
      await spawnLtrain(folder, ["train", "--config", "configs/mnist-cnn.yaml", ...options]);
    },
  },
  "docs/extract.md": {
    files: {
      "epoch=2-step=8.ckpt": "lightning/mid-epoch-every-n-steps.ckpt",
      "model.ckpt": ADAM,
      "hparams-nested.ckpt": "lightning/hparams-nested.ckpt",
    },
    codes: { "npx ltrain convert model.ckpt -o model.safetensors": 5 },
  },
  "docs/gpu.md": { numbersVary: true },
  "docs/inspect.md": {
    files: {
      "run.ckpt": ADAM,
      "huge-storage-tiny-view.pt": "torch/huge-storage-tiny-view.pt",
      "hparams-nested.ckpt": "lightning/hparams-nested.ckpt",
      "lightning_logs/version_3/checkpoints/epoch=10.ckpt": BEST,
      "lightning_logs/version_3/checkpoints/epoch=9.ckpt": ADAM,
      "lightning_logs/version_3/checkpoints/cut.ckpt": ADAM,
    },
    numbersVary: true, // dates
    prepare: (folder) => cutOff(join(folder, "lightning_logs/version_3/checkpoints/cut.ckpt"), 6000),
  },
  "docs/json.md": {
    run: { of: "autoencoder" },
    prepare: (folder) => writeConfig(folder, "autoencoder"),
  },
  "docs/pytorch.md": {
    files: { "run.ckpt": ADAM },
    prepare: async (folder) => {
      await cp(join(folder, "../classifier", CHECKPOINTS, "last.ckpt"), join(folder, "epoch=9-step=1000.ckpt"));
      await writeConfig(folder, "classifier");
    },
  },
  "docs/reading.md": {
    serves: ["torch/huge-storage-tiny-view.pt"],
  },
  "docs/resuming.md": {
    run: { of: "autoencoder" },
    numbersVary: true,
    prepare: (folder) => writeConfig(folder, "autoencoder"),
    before: {
      "ltrain resume lightning_logs/version_0": async (folder) => {
        const damaged = join(folder, CHECKPOINTS, "epoch=99-step=999.ckpt");
        await cp(join(folder, CHECKPOINTS, "epoch=1-step=4.ckpt"), damaged);
        await cutOff(damaged, 3000);
      },
      "ltrain resume --plan --trainer.max_steps -1": async (folder) => {
        await rm(join(folder, "lightning_logs"), { recursive: true });
        const limits = { ...SHORT, max_epochs: 3, limit_train_batches: 8, max_steps: 11 };
        await spawnLtrain(folder, ["train", "--config", "c.yaml", ...trainerOptions(limits)]);
      },
    },
  },
  "docs/runs.md": {
    run: { of: "classifier", copies: 4 },
    numbersVary: true,
    unstable: /[\u2800-\u28ff┤│└]|^ +\d+ +\d+ +\d+ +\d+ step$|done {5}val_loss|unknown {2}val_loss/,
    prepare: (folder) => rm(join(folder, "lightning_logs/version_0/run.json")),
  },
  "docs/safety.md": {
    files: { "storage-claims-1TB.ckpt": "hostile/storage-claims-1TB.ckpt" },
    codes: { "ltrain inspect storage-claims-1TB.ckpt": 3 },
  },
  "docs/training.md": { numbersVary: true, unstable: /^done |^best |^last |^resume |^inspect / },
  "docs/verify.md": {
    files: {
      "lightning_logs/version_3/checkpoints/epoch=4-step=500.ckpt": ADAM,
      "lightning_logs/version_3/checkpoints/last.ckpt": ADAM,
      "half.ckpt": ADAM,
    },
    prepare: async (folder) => {
      await flipByte(join(folder, "lightning_logs/version_3/checkpoints/last.ckpt"), 5830);
      await cutOff(join(folder, "half.ckpt"), 6688);
    },
    codes: { "ltrain verify lightning_logs/version_3/checkpoints": 3, "ltrain verify half.ckpt": 3 },
  },
};

/** c.yaml: a config that lies in no folder of its own, and makes short runs. */
async function writeConfig(folder: string, name: string): Promise<void> {
  const text = await readFile(join(folder, "configs", `mnist-${name}.yaml`), "utf8");
  const limits = Object.entries(SHORT).map(([key, value]) => `  ${key}: ${value}\n`);
  const [head = ""] = text.split("\ntrainer:\n");
  await writeFile(join(folder, "c.yaml"), `${head}\ntrainer:\n${limits.join("")}`);
}

/** The README's own module, as it stands there. */
async function ownModule(): Promise<string> {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const [, text] = /```ts\n(\/\/ autoencoder\.ts\n.*?)```/s.exec(readme) ?? [];
  if (text === undefined) throw new Error("README.md has no autoencoder.ts");
  return text;
}
