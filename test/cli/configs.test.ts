import { mkdtemp, readdir, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { spawnLtrain } from "./spawnLtrain.js";

const CONFIGS = resolve("configs");
const names = (await readdir(CONFIGS)).filter((name) => name.endsWith(".yaml"));

test("there are examples", () => {
  expect(names).toEqual(expect.arrayContaining(["csv-regression.yaml", "mnist-autoencoder.yaml", "mnist-gan.yaml"]));
});

test.each(names)("configs/%s trains two steps and leaves a checkpoint that is sound", async (name) => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-configs-")));
  const args = [
    "train",
    "--config",
    join(CONFIGS, name),
    "--trainer.max_steps",
    "2",
    "--trainer.default_root_dir",
    folder,
  ];
  const limits = ["--trainer.limit_val_batches", "2", "--trainer.limit_train_batches", "2"];
  const ran = await spawnLtrain(folder, [...args, ...limits, "--json"]);
  expect(ran.stderr).not.toMatch(/error/i);
  expect(ran.code).toBe(0);
  const last = JSON.parse(ran.stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
  expect(last).toMatchObject({ event: "fit_end", global_step: 2 });
  const verified = await spawnLtrain(folder, ["verify", String(last["last_checkpoint_path"])]);
  expect(verified.code).toBe(0);
});
