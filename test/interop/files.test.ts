import { createHash } from "node:crypto";
import { torchCheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import type { PyValue } from "../../src/pickle/values.js";
import { PyDict, PyTuple } from "../../src/pickle/values.js";
import { readTensor } from "../../src/storage/strided.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { lightningLoadsFromCheckpoint, peerTest, safetensorsLoads, torchLoads, torchLoadsEncoder } from "./peer.js";
import type { PeerTensor, PeerTensors } from "./peer.js";
import { filesBelow, inTemporaryFolder, ltrainOk, MNIST, writeText } from "./runs.js";

const CONFIG = {
  seed_everything: 7,
  model: { class_path: "LitAutoEncoder", init_args: { hidden: 16, latent: 3, lr: 0.002 } },
  data: { class_path: "MNISTDataModule", init_args: { data_dir: MNIST, batch_size: 8 } },
  trainer: { max_epochs: 1, limit_train_batches: 5, limit_val_batches: 2, log_every_n_steps: 1 },
};

/** Train a little and give the checkpoint that is left. */
function trainedCheckpoint(folder: string, overrides: readonly string[] = []): string {
  ltrainOk(folder, "train", "--config", writeText(folder, "config.json", JSON.stringify(CONFIG)), ...overrides);
  const [path] = filesBelow(folder, ".ckpt");
  if (path === undefined) throw new Error("the run left no checkpoint");
  return path;
}

/** Every tensor of a tree with its path written as the peer writes it. */
async function tensorsOf(value: PyValue, path = ""): Promise<[string, PeerTensor][]> {
  if (value instanceof StoredTensor) {
    const { bytes } = await readTensor(value);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return [[path, { dtype: value.dtype, shape: [...value.shape], sha256 }]];
  }
  const parts: Promise<[string, PeerTensor][]>[] = [];
  if (value instanceof PyDict) {
    for (const [key, item] of value) {
      const bare = path === "" && typeof key === "string" && /^[A-Za-z_][A-Za-z0-9_-]*$/.test(key);
      parts.push(tensorsOf(item, bare ? key : `${path}[${JSON.stringify(key)}]`));
    }
  } else if (Array.isArray(value) || value instanceof PyTuple) {
    const items = Array.isArray(value) ? value : value.items;
    items.forEach((item, index) => parts.push(tensorsOf(item, `${path}[${index}]`)));
  }
  return (await Promise.all(parts)).flat();
}

async function tensorsInFile(path: string): Promise<PeerTensors> {
  const loaded = await torchCheckpointIO().load(path);
  try {
    return Object.fromEntries(await tensorsOf(loaded.root));
  } finally {
    await loaded.close();
  }
}

function below(prefix: string, tensors: PeerTensors, strip: boolean): PeerTensors {
  return Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [strip ? name.slice(prefix.length) : name, tensor]),
  );
}

peerTest("torch.load(weights_only=True) reads every tensor of a checkpoint as ltrain itself reads it", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = trainedCheckpoint(folder);
    const loaded = await torchLoads(path);

    expect(loaded.keys).toEqual([
      "epoch",
      "global_step",
      "pytorch-lightning_version",
      "state_dict",
      "loops",
      "callbacks",
      "optimizer_states",
      "lr_schedulers",
      "hparams_name",
      "hyper_parameters",
      ...loaded.keys.slice(10),
    ]);
    expect(loaded.plain).toMatchObject({ epoch: 0, global_step: 5, hparams_name: "kwargs" });
    expect(loaded.hyper_parameters).toMatchObject({ hidden: 16, latent: 3, lr: 0.002 });
    expect(Object.keys(loaded.metadata ?? {})).toEqual([
      "",
      "encoder",
      "encoder.0",
      "encoder.1",
      "encoder.2",
      "decoder",
      "decoder.0",
      "decoder.1",
      "decoder.2",
    ]);
    // 8 parameters; step, exp_avg and exp_avg_sq of each; the rest are scores and random state.
    expect(Object.keys(loaded.tensors).length).toBeGreaterThanOrEqual(8 + 24);
    expect(await tensorsInFile(path)).toEqual(loaded.tensors);
  });
});

peerTest("LitAutoEncoder.load_from_checkpoint gives the same hyperparameters and bit-equal weights", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = trainedCheckpoint(folder);
    const { hparams, tensors } = await lightningLoadsFromCheckpoint(path);

    expect(hparams).toMatchObject({ hidden: 16, latent: 3, lr: 0.002 });
    const loaded = await torchCheckpointIO().load(path);
    try {
      const own = Object.fromEntries(await tensorsOf(new PyDict(loaded.checkpoint.stateDict.tensors)));
      const named = Object.entries(own).map(([key, tensor]) => [JSON.parse(key.slice(1, -1)) as string, tensor]);
      expect(Object.fromEntries(named)).toEqual(tensors);
    } finally {
      await loaded.close();
    }
  });
});

peerTest("the encoder that extract cuts out loads into a torch Encoder with strict=True, bytes equal", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = trainedCheckpoint(folder);
    const { tensors } = await lightningLoadsFromCheckpoint(path);

    ltrainOk(folder, "extract", path, "--prefix", "encoder.", "--strip-prefix", "-o", "encoder.pt");

    expect(await torchLoadsEncoder(`${folder}/encoder.pt`, 16, 3)).toEqual(below("encoder.", tensors, true));
  });
});

peerTest("without --strip-prefix the names stay, in torch's format and in safetensors", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = trainedCheckpoint(folder);
    const { tensors } = await lightningLoadsFromCheckpoint(path);
    const expected = below("encoder.", tensors, false);

    ltrainOk(folder, "extract", path, "--prefix", "encoder.", "-o", "encoder.pt");
    ltrainOk(folder, "extract", path, "--prefix", "encoder.", "--format", "safetensors", "-o", "encoder.safetensors");

    expect(Object.values((await torchLoads(`${folder}/encoder.pt`)).tensors)).toEqual(Object.values(expected));
    expect(await safetensorsLoads(`${folder}/encoder.safetensors`)).toEqual(expected);
  });
});

peerTest("the ckpt that extract and sanitize write is one for LitAutoEncoder.load_from_checkpoint", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = trainedCheckpoint(folder);
    const original = await lightningLoadsFromCheckpoint(path);
    ltrainOk(folder, "extract", path, "--prefix", "", "-o", "weights.ckpt");
    ltrainOk(folder, "sanitize", "weights.ckpt", "-o", "clean.ckpt");

    expect(await lightningLoadsFromCheckpoint(`${folder}/clean.ckpt`)).toEqual(original);
    expect((await torchLoads(`${folder}/weights.ckpt`)).keys).toEqual([
      "epoch",
      "global_step",
      "pytorch-lightning_version",
      "state_dict",
      "loops",
      "hparams_name",
      "hyper_parameters",
      "datamodule_hparams_name",
      "datamodule_hyper_parameters",
    ]);
  });
});
