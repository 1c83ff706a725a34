import { mkdtemp, readdir, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { spawnLtrain } from "./spawnLtrain.js";

const builtIn = (await readdir("configs")).filter((name) => name.endsWith(".yaml")).map((name) => `configs/${name}`);
const examples = (await readdir("examples")).map((name) => `examples/${name}/config.yaml`);

test("there are configs of the built-in models, and examples of modules of one's own", () => {
  expect(builtIn).toEqual(expect.arrayContaining(["configs/char-gpt.yaml", "configs/mnist-autoencoder.yaml"]));
  const names = ["char-gpt", "csv-regression", "gan", "mnist-cnn"];
  expect(examples).toEqual(expect.arrayContaining(names.map((name) => `examples/${name}/config.yaml`)));
});

test.each([...builtIn, ...examples])(
  "%s trains two epochs of two steps, goes on from there, and leaves a sound file",
  async (name) => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-configs-")));
    const two = ["--trainer.limit_train_batches", "2", "--trainer.limit_val_batches", "2", "--trainer.max_epochs", "2"];
    const place = ["--trainer.default_root_dir", folder];
    const ran = await spawnLtrain(folder, ["train", "--config", resolve(name), ...two, ...place, "--json"]);
    expect(ran.stderr).not.toMatch(/error/i);
    expect(ran.code).toBe(0);
    const last = lastEvent(ran.stdout);
    const steps = name.startsWith("examples/gan/") ? 8 : 4; // two optimizers
    expect(last).toMatchObject({ event: "fit_end", epochs: 2, global_step: steps });
    const verified = await spawnLtrain(folder, ["verify", String(last["last_checkpoint_path"])]);
    expect(verified.code).toBe(0);
    const resumed = await spawnLtrain(folder, ["resume", folder, "--trainer.max_epochs", "3", "--json"]);
    expect([resumed.code, lastEvent(resumed.stdout)]).toMatchObject([0, { epochs: 3, global_step: (steps * 3) / 2 }]);
  },
);

function lastEvent(stdout: string): Record<string, unknown> {
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}
