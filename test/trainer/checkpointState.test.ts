import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { keyText } from "../../src/pickle/convert.js";
import { PyDict, PyFloat, PyTuple } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { Trainer } from "../../src/trainer/trainer.js";
import {
  QUIET,
  SaveAtEpochEnds,
  TinyAutoEncoder,
  fitRun,
  inTemporaryFolder,
  loadWeights,
  readRun,
  trained,
} from "./tinyRun.js";

const RUNS = ["mlp-sgd-none", "mlp-sgd-nesterov-steplr", "mlp-adam-none", "mlp-partial-last-batch"];

/** A tree as one line per leaf, in order, with Python's types; and the numbers of its tensors. */
interface Leaves {
  readonly lines: string[];
  readonly numbers: number[];
}

async function leavesOf(path: string): Promise<Leaves> {
  const { root, close } = await loadCheckpoint(path);
  const leaves: Leaves = { lines: [], numbers: [] };
  const walk = async (value: PyValue, place: string): Promise<void> => {
    const items = value instanceof PyTuple ? value.items : value;
    if (value instanceof PyDict) {
      leaves.lines.push(`${place} ${value.kind}`);
      for (const [key, item] of value) if (key !== "ltrain") await walk(item, `${place}[${keyText(key)}]`);
      if (value.attributes !== undefined) await walk(value.attributes, `${place}.attributes`);
    } else if (Array.isArray(items)) {
      leaves.lines.push(`${place} ${value === items ? "list" : "tuple"}`);
      for (const [i, item] of items.entries()) await walk(item as PyValue, `${place}[${i}]`);
    } else if (value instanceof StoredTensor) {
      leaves.lines.push(`${place} ${value.dtype} [${value.shape.join()}]`);
      leaves.numbers.push(...new Float32Array((await readTensor(value)).bytes.slice().buffer));
    } else {
      leaves.lines.push(`${place} ${value instanceof PyFloat ? `float ${value.value}` : JSON.stringify(value)}`);
    }
  };
  try {
    await walk(root, "");
  } finally {
    await close();
  }
  return leaves;
}

test.each(RUNS)("%s: after two epochs, our checkpoint is Lightning's, key for key, with ltrain added", async (name) => {
  const { config } = readRun(name);
  await inTemporaryFolder(async (folder) => {
    const module = new TinyAutoEncoder(config);
    await loadWeights(module, trained(`${name}/init.ckpt`));
    const trainer = new Trainer({
      ...QUIET,
      maxEpochs: config.epochs,
      enableCheckpointing: null,
      callbacks: [new SaveAtEpochEnds(folder)],
    });
    await fitRun(trainer, module, config);

    const ours = await leavesOf(join(folder, "epoch1.ckpt"));
    const theirs = await leavesOf(trained(`${name}/epoch2.ckpt`));

    expect(ours.lines).toEqual(theirs.lines);
    const off = theirs.numbers.map((number, i) => Math.abs((ours.numbers[i] ?? Number.NaN) - number));
    expect(Math.max(...off)).toBeLessThan(1e-5);
  });
});

test("a checkpoint saved with weights only keeps loops and hyperparameters, and no state of training", async () => {
  const { config } = readRun("mlp-adam-none");
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "weights.ckpt");
    const trainer = new Trainer({ ...QUIET, maxEpochs: 1 });
    await fitRun(trainer, new TinyAutoEncoder(config), config);
    await trainer.saveCheckpoint(path, { weightsOnly: true });
    const { root, close } = await loadCheckpoint(path);
    await close();
    expect(root).toBeInstanceOf(PyDict);
    expect((root as PyDict).keys()).toEqual([
      "epoch",
      "global_step",
      "pytorch-lightning_version",
      "state_dict",
      "loops",
      "ltrain",
    ]);
  });
});
