import { mkdtemp, realpath, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { readTensor } from "../../src/storage/strided.js";
import { spawnLtrain } from "./spawnLtrain.js";

/** A module with a batch norm: StochasticWeightAveraging trains an epoch more than max_epochs for its statistics. */
const MODULE = `
import { Callback, DataLoader, LightningDataModule, LightningModule, nn, optim, tf, type Tensor } from "ltrain";
export class Normed extends LightningModule<[Tensor]> {
  readonly norm = new nn.BatchNorm1d(3);
  readonly layer = new nn.Linear(3, 3);
  override trainingStep([x]: [Tensor]): Tensor {
    return tf.mean(tf.squaredDifference(this.layer.forward(this.norm.forward(x)), x));
  }
  override configureOptimizers(): optim.Optimizer {
    return new optim.SGD(this.parameters(), { lr: 0.05 });
  }
}
export class Data extends LightningDataModule {
  trainDataloader(): DataLoader {
    const getItem = (i: number): [Float32Array] => [Float32Array.of(i / 24, (i * 7) % 5, 1 - i / 12)];
    return new DataLoader({ length: 24, getItem }, { batchSize: 4, shuffle: true });
  }
}
export class Press extends Callback {
  override onTrainBatchStart(trainer: { currentEpoch: number }, _module: unknown, batchIdx: number): void {
    if (\`\${trainer.currentEpoch} \${batchIdx}\` === process.env["PRESS"]) process.kill(process.pid, "SIGINT");
  }
}`;
const CONFIG = `seed_everything: 3
model: {class_path: ./normed.ts:Normed}
data: {class_path: ./normed.ts:Data}
trainer:
  max_epochs: 3
  accelerator: cpu
  callbacks:
    - {class_path: ./normed.ts:Press}
    - {class_path: StochasticWeightAveraging, init_args: {swa_lrs: 0.01, swa_epoch_start: 2}}
    - {class_path: ModelCheckpoint, init_args: {save_last: true, save_top_k: -1}}
`;

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-extra-")));
  await writeFile(join(folder, "normed.ts"), MODULE);
  await writeFile(join(folder, "c.yaml"), CONFIG);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const runFolder = (version: number): string => join(folder, "lightning_logs", `version_${version}`);

/** Weights and statistics at the end of a run. */
async function lastWeights(version: number): Promise<string> {
  const { checkpoint, close } = await loadCheckpoint(join(runFolder(version), "checkpoints", "last.ckpt"));
  const hex: string[] = [String(checkpoint.globalStep)];
  for (const [name, tensor] of checkpoint.stateDict.tensors) {
    hex.push(`${name} ${Buffer.from((await readTensor(tensor)).bytes).toString("hex")}`);
  }
  await close();
  return hex.join("\n");
}

test("the epoch that a callback adds to max_epochs is trained to its end after a stop in it, or before it", async () => {
  const train = ["train", "--config", "c.yaml", "--quiet"];
  expect((await spawnLtrain(folder, train)).code).toBe(0);
  const unbroken = await lastWeights(0);

  expect((await spawnLtrain(folder, train, undefined, { PRESS: "3 2" })).code).toBe(130);
  const plan = await spawnLtrain(folder, ["resume", runFolder(1), "--plan"]);
  expect(plan.stdout).toMatch(/^next +epoch 3, batch 3 of 6: examples /m);
  const inside = await spawnLtrain(folder, ["resume", runFolder(1)]);
  expect([inside.code, inside.stderr]).toEqual([0, expect.not.stringContaining("nothing is left") as string]);
  expect(await lastWeights(1)).toBe(unbroken);

  // As after a kill in that epoch: the newest checkpoint is that of the last epoch of max_epochs.
  for (const name of ["last.ckpt", "epoch=3-step=19.ckpt"]) await unlink(join(runFolder(0), "checkpoints", name));
  const before = await spawnLtrain(folder, ["resume", runFolder(0)]);
  expect([before.code, before.stderr]).toEqual([0, expect.not.stringContaining("nothing is left") as string]);
  expect(await lastWeights(0)).toBe(unbroken);

  const done = await spawnLtrain(folder, ["resume", runFolder(0)]);
  expect([done.code, done.stderr]).toEqual([0, expect.stringContaining("nothing is left to train") as string]);
}, 120_000);
