import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { spawnLtrain } from "./spawnLtrain.js";

const ROWS = 100;
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-dry-"));
  const rows = Array.from({ length: ROWS }, (_, i) => `${i / ROWS},${(i * 7) % 5},${i % 3}`);
  await writeFile(join(folder, "rows.csv"), ["a,b,label", ...rows].join("\n"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const config = (trainer: string): string =>
  [
    "seed_everything: 1",
    "model: {class_path: LitClassifier, init_args: {in_features: 2, hidden: [300], num_classes: 3}}",
    "data: {class_path: CSVDataModule, init_args: {path: rows.csv, target: label, batch_size: 8, val_split: 20}}",
    `trainer: {${trainer}}`,
  ].join("\n");

interface Found {
  readonly stages: Readonly<Record<string, { readonly batches: number; readonly seconds_per_batch: number }>>;
  readonly seconds_per_epoch: number;
  readonly epochs: number | null;
  readonly peak_memory_bytes: number;
  readonly checkpoints: readonly { readonly files: number; readonly bytes: number }[];
}

async function ltrain(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, out: terminal.output, err: terminal.messages };
}

test("a dry run counts the batches of an epoch, forecasts the checkpoint's size, and leaves nothing behind", async () => {
  const path = join(folder, "c.yaml");
  await writeFile(path, config("max_epochs: 3"));
  const before = (await readdir(folder)).sort();
  const root = ["--trainer.default_root_dir", folder];
  const { code, out } = await ltrain("train", "--config", path, "--dry-run", "--json", ...root);
  expect(code).toBe(0);
  expect((await readdir(folder)).sort()).toEqual(before);
  const found = JSON.parse(out) as Found;
  // 80 rows to train on and 20 to validate on, 8 in a batch.
  expect(found.stages["train"]?.batches).toBe(10);
  expect(found.stages["validation"]?.batches).toBe(3);
  const took = (name: string): number =>
    (found.stages[name]?.batches ?? 0) * (found.stages[name]?.seconds_per_batch ?? 0);
  expect(took("train")).toBeGreaterThan(0);
  expect(found.seconds_per_epoch).toBe(took("train") + took("validation"));
  expect(found.epochs).toBe(3);
  expect(found.peak_memory_bytes).toBeGreaterThan(30_000_000); // node alone takes more
  const [disk] = found.checkpoints;
  expect(disk?.files).toBe(2); // the best, and the next one while it is written

  // What a run then really writes.
  const trained = await ltrain("train", "--config", path, "--quiet", "--trainer.max_epochs", "1", ...root);
  expect(trained.code).toBe(0);
  const saved = await stat(join(folder, "lightning_logs/version_0/checkpoints/epoch=0-step=10.ckpt"));
  const forecast = (disk?.bytes ?? 0) / 2;
  expect(forecast).toBeGreaterThanOrEqual(saved.size);
  expect(forecast).toBeLessThan(saved.size + 100_000);
});

test("limits and save_top_k count in the forecast, and for people it is a few lines", async () => {
  const path = join(folder, "c.yaml");
  const callbacks =
    "callbacks: [{class_path: ModelCheckpoint, init_args: {monitor: val_loss, save_top_k: 3, save_last: true}}]";
  await writeFile(path, config(`max_epochs: 2, limit_train_batches: 0.5, limit_val_batches: 1, ${callbacks}`));
  const json = await ltrain("train", "--config", path, "--dry-run", "--json");
  const found = JSON.parse(json.out) as Found;
  expect([found.stages["train"]?.batches, found.stages["validation"]?.batches]).toEqual([5, 1]);
  expect(found.checkpoints[0]?.files).toBe(5);
  const { out } = await ltrain("train", "--config", path, "--dry-run");
  expect(out).toMatch(/^tried {7}4 batches of train, validation(, test)?(, predict)?; nothing was written\n/);
  expect(out).toMatch(/\ntime {8}an epoch about [\d.]+ s, 2 epochs about [\d.]+ s\n/);
  expect(out).toMatch(/\ndisk {8}a checkpoint takes [\d.]+ KiB, 5 at once [\d.]+ KiB; /);
});

test("what would fail in the validation after hours fails now, with its line", async () => {
  await writeFile(
    join(folder, "net.ts"),
    `import { LightningModule, tf, type Tensor } from "ltrain";
import { Linear } from "ltrain/nn";
import { SGD } from "ltrain/optim";
export class Net extends LightningModule<readonly [Tensor, Tensor]> {
  layer = new Linear(2, 1);
  override trainingStep([x]: readonly [Tensor, Tensor]): Tensor {
    return tf.mean(this.layer.forward(x));
  }
  override validationStep(): void {
    throw new RangeError("too late");
  }
  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}
`,
  );
  await writeFile(join(folder, "c.yaml"), config("max_epochs: 3"));
  const { code, stdout, stderr } = await spawnLtrain(folder, [
    "train",
    "--config",
    "c.yaml",
    "--model",
    "./net.ts:Net",
    "--dry-run",
  ]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(
    /^error: Net\.validationStep in epoch 0, batch 0 failed: too late\nhint: {2}thrown at net\.ts:10$/m,
  );
  expect((await readdir(folder)).sort()).toEqual(["c.yaml", "net.ts", "rows.csv"]);
});
