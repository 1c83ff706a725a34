import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LightningModule } from "../../src/core/lightningModule.js";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { LitClassifier } from "../../src/demos/litClassifier.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import { readTensor } from "../../src/storage/strided.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, QUIET, Rows } from "../trainer/tinyRun.js";
import { peerTest, PYTHON } from "./peer.js";
import { filesBelow, inTemporaryFolder, lossesOf, ltrain, ltrainOk, writeText } from "./runs.js";

const SCRIPT = fileURLToPath(new URL("finetuning.py", import.meta.url));

function peer(command: string, path: string): unknown {
  const env = { ...process.env, CUDA_VISIBLE_DEVICES: "" };
  const stdio = ["ignore" as const, "pipe" as const, "pipe" as const];
  return JSON.parse(execFileSync(PYTHON, [SCRIPT, command, path], { encoding: "utf8", env, stdio }));
}

/** The same fine-tuning as ltrain's config, on the peer's rows in their order. */
function configOf(initFrom: unknown): string {
  return JSON.stringify({
    seed_everything: 42,
    model: {
      class_path: "LitClassifier",
      init_args: { in_features: 8, hidden: [6, 5], num_classes: 3, lr: 0.05 },
      init_from: initFrom,
    },
    data: { class_path: "./rows.ts:PeerRows" },
    trainer: { max_epochs: 2, log_every_n_steps: 1, accelerator: "cpu" },
  });
}

const ROWS = `
import { DataLoader, float32Tensor, LightningDataModule, TensorDataset } from "ltrain";
import { readFileSync } from "node:fs";
const rows: number[][] = JSON.parse(readFileSync(new URL("rows.json", import.meta.url), "utf8"));
export class PeerRows extends LightningDataModule {
  trainDataloader(): DataLoader {
    const x = float32Tensor(Float32Array.from(rows.flatMap((row) => row.slice(0, 8))), [rows.length, 8]);
    const labels = BigInt64Array.from(rows.map((row) => BigInt(row[8] ?? 0)));
    const y = { dtype: "int64", shape: [rows.length], bytes: new Uint8Array(labels.buffer) } as const;
    return new DataLoader(new TensorDataset(x, y), { batchSize: 4 });
  }
}
`;

peerTest(
  "a pretrained torch state_dict, fine-tuned by a config, has the losses of the same fine-tuning in torch",
  async () => {
    await inTemporaryFolder((folder) => {
      const { losses, rows } = peer("pretrain", folder) as { losses: number[]; rows: number[][] };
      writeText(folder, "rows.json", JSON.stringify(rows));
      writeText(folder, "rows.ts", ROWS);
      const config = writeText(folder, "c.json", configOf({ path: "pretrained.pt", exclude: ["layers.4.*"] }));
      const ran = ltrainOk(folder, "train", "--config", config, "--json");
      expect(ran.stderr).toContain("init     4 tensors from pretrained.pt; from the seed: layers.4.{weight, bias}");
      const ours = lossesOf(ran);
      expect(ours).toHaveLength(losses.length);
      losses.forEach((loss, step) => {
        expect(Math.abs((ours[step] ?? Number.NaN) / loss - 1)).toBeLessThanOrEqual(1e-5);
      });

      const whole = ltrain(folder, "train", "--config", writeText(folder, "whole.json", configOf("pretrained.pt")));
      expect([whole.code, whole.stderr]).toEqual([
        5,
        expect.stringContaining("layers.4.weight is [10, 5] in the file, [3, 5] in the model"),
      ]);
      const again = filesBelow(folder, ".ckpt")[0] ?? "none";
      const resumed = ltrainOk(folder, "resume", again, "--trainer.max_epochs", "3");
      expect(resumed.stderr).toContain("note: model.init_from is not read: all weights come from");
    });
  },
);

class ConfModule extends LightningModule<readonly [Tensor]> {
  readonly layer: Linear;
  constructor(conf: { in_dim: number; out_dim: number }) {
    super();
    this.saveHyperparameters(conf, { name: "conf" });
    this.layer = new Linear(conf.in_dim, conf.out_dim);
  }
  trainingStep([x]: readonly [Tensor]): Tensor {
    return tf.mean(tf.square(this.layer.forward(x)));
  }
  configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

peerTest("load_from_checkpoint in Lightning makes our modules, with overrides and by hparams_name", async () => {
  await inTemporaryFolder(async (folder) => {
    const trainer = new Trainer({ ...QUIET, maxEpochs: 1 });
    await trainer.fit(new ConfModule({ in_dim: 8, out_dim: 2 }), new Rows(fixtureRows(8), { batchSize: 8 }));
    await trainer.saveCheckpoint(`${folder}/conf.ckpt`);
    expect(peer("load_conf", `${folder}/conf.ckpt`)).toEqual({ hparams: { in_dim: 8, out_dim: 2 }, shape: [2, 8] });

    peer("write", folder); // a file of Lightning's, taken over and written again
    const module = await LitClassifier.loadFromCheckpoint(`${folder}/classifier.ckpt`);
    expect(module.hparams).toEqual({ in_features: 8, hidden: [4], num_classes: 3, lr: 0.25 });
    const other = await LitClassifier.loadFromCheckpoint(`${folder}/classifier.ckpt`, { lr: 0.5 });
    expect(other.hparams).toMatchObject({ lr: 0.5, hidden: [4] });
    const { checkpoint, close } = await loadCheckpoint(`${folder}/classifier.ckpt`);
    for (const [name, tensor] of checkpoint.stateDict.tensors) {
      expect(await other.state().get(name)?.read()).toEqual(await readTensor(tensor));
    }
    await close();
    const conf = await ConfModule.loadFromCheckpoint(`${folder}/conf.ckpt`);
    expect([conf.hparams, conf.hparamsName]).toEqual([{ in_dim: 3, out_dim: 2 }, "conf"]);

    writeText(folder, "rows.json", JSON.stringify(Array.from({ length: 4 }, () => [1, 2, 3, 4, 5, 6, 7, 8, 1])));
    writeText(folder, "rows.ts", ROWS);
    const config = writeText(folder, "c.json", configOf(null));
    ltrainOk(folder, "train", "--config", config, "--trainer.default_root_dir", `${folder}/runs`);
    const ours = filesBelow(`${folder}/runs`, ".ckpt")[0] ?? "none";
    expect(peer("load", ours)).toEqual({
      hparams: { in_features: 8, hidden: [6, 5], num_classes: 3, lr: 0.05 },
      lr: 0.5,
      hidden: [6, 5],
    });
  });
});
