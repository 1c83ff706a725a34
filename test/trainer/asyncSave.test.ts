import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import type { CheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import { loadCheckpoint, torchCheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import { readJournal } from "../../src/checkpoint/checkpointJournal.js";
import { isSound } from "../../src/checkpoint/verification.js";
import { verifyCheckpoint } from "../../src/checkpoint/verifyCheckpoint.js";
import { Callback } from "../../src/core/callback.js";
import type { OptimizerSetup } from "../../src/core/lightningModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { SavedMoment, TrainerState } from "../../src/core/trainerState.js";
import { Linear } from "../../src/nn/linear.js";
import { Adam } from "../../src/optim/adam.js";
import { PyDict } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { seedEverything } from "../../src/tensor/seed.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, inTemporaryFolder, Rows } from "./tinyRun.js";

/** 8 to `width` and back; 1024 x 1024 of it are enough for a thread. */
class Wide extends LightningModule<readonly [Tensor]> {
  readonly first: Linear;
  readonly middle: Linear;
  readonly last: Linear;
  constructor(width: number) {
    super();
    this.first = new Linear(8, width);
    this.middle = new Linear(width, width);
    this.last = new Linear(width, 8);
  }
  trainingStep([x]: readonly [Tensor]): Tensor {
    const y = this.last.forward(this.middle.forward(this.first.forward(x)));
    return tf.mean(tf.squaredDifference(y, x));
  }
  configureOptimizers(): OptimizerSetup {
    return new Adam(this.parameters(), { lr: 1e-3 });
  }
}

const STEPS = 6;

async function train(width: number, options: TrainerOptions): Promise<void> {
  seedEverything(3);
  const trainer = new Trainer({ logger: false, engine: "onnxruntime", maxSteps: STEPS, maxEpochs: -1, ...options });
  await trainer.fit(new Wide(width), new Rows(fixtureRows(20), { batchSize: 10, shuffle: true }));
}

/** Everything in a checkpoint but where it lies. */
async function contentOf(path: string): Promise<unknown> {
  const plain = async (value: PyValue): Promise<unknown> => {
    if (value instanceof StoredTensor) {
      const { dtype, shape, bytes } = await readTensor(value);
      return [dtype, shape, Buffer.from(bytes).toString("base64")];
    }
    if (value instanceof PyDict) return Promise.all([...value].map(async ([k, v]) => [await plain(k), await plain(v)]));
    if (Array.isArray(value)) return Promise.all(value.map((each) => plain(each)));
    return typeof value === "bigint" ? String(value) : value;
  };
  const { checkpoint, close } = await loadCheckpoint(path);
  const { epoch, globalStep, stateDict, optimizerStates, loops, ltrain } = checkpoint;
  const tensors = await Promise.all([...stateDict.tensors].map(async ([name, tensor]) => [name, await plain(tensor)]));
  const others = await Promise.all([...(optimizerStates ?? []), loops ?? new PyDict()].map((each) => plain(each)));
  const random = await plain(ltrain?.get("rng_state") ?? null);
  await close();
  return { epoch, globalStep, tensors, others, random };
}

test.each([
  ["small, on this thread", 8],
  ["large, on a thread of its own", 1024],
])("what is written while training goes on is what would be written if it waited: %s", (_, width) =>
  inTemporaryFolder(async (folder) => {
    for (const asyncCheckpoints of [false, true]) {
      const dirpath = join(folder, String(asyncCheckpoints));
      await train(width, {
        asyncCheckpoints,
        callbacks: [new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, saveTopK: -1, saveLast: "link" })],
      });
    }
    const names = readdirSync(join(folder, "true")).sort();
    expect(names).toEqual(readdirSync(join(folder, "false")).sort());
    expect(names.filter((name) => name.endsWith(".ckpt"))).toHaveLength(STEPS + 1);
    for (const name of names.filter((each) => each.endsWith(".ckpt"))) {
      const path = join(folder, "true", name);
      expect(isSound(await verifyCheckpoint(path))).toBe(true);
      // Compared as text: a difference in a million numbers is not to be printed.
      const same =
        JSON.stringify(await contentOf(path)) === JSON.stringify(await contentOf(join(folder, "false", name)));
      expect([name, same]).toEqual([name, true]);
    }
    const steps = (await readJournal(join(folder, "true"))).map(({ step }) => step);
    expect(steps).toEqual([1, 2, 3, 4, 5, 6].flatMap((step) => [step, step]));
  }),
);

/** torch's files, whose writes take a while; counts how many are under way. */
function slowIO(milliseconds: number): CheckpointIO & { most: number; writes: number } {
  const io = torchCheckpointIO();
  let writing = 0;
  const slow = {
    ...io,
    most: 0,
    writes: 0,
    prepare: async (...order: Parameters<typeof io.prepare>) => {
      const prepared = await io.prepare(...order);
      return {
        write: async () => {
          writing += 1;
          slow.most = Math.max(slow.most, writing);
          await new Promise((resolve) => setTimeout(resolve, milliseconds));
          const saved = await prepared.write();
          writing -= 1;
          slow.writes += 1;
          return saved;
        },
      };
    },
  };
  return slow;
}

/** Where training stood when checkpoints became durable. */
class Watch extends Callback {
  readonly told: { readonly moment: number; readonly now: number }[] = [];
  override onCheckpointSaved(trainer: TrainerState, _path: string, { globalStep }: SavedMoment): void {
    this.told.push({ moment: globalStep, now: trainer.globalStep });
  }
}

test("steps go on while a checkpoint is written, one write at a time, and the run ends when the last is durable", () =>
  inTemporaryFolder(async (folder) => {
    const io = slowIO(300);
    const watch = new Watch();
    const callbacks = [watch, new ModelCheckpoint({ dirpath: folder, everyNTrainSteps: 30, saveTopK: -1 })];
    await train(8, { maxSteps: 100, checkpointIO: io, callbacks });
    expect(io.most).toBe(1);
    expect(io.writes).toBe(3);
    expect(watch.told.map(({ moment }) => moment)).toEqual([30, 60, 90]);
    // The first was told of when training was further, by the next save at the latest.
    expect(watch.told[0]?.now).toBeGreaterThan(30);
    expect(watch.told[0]?.now).toBeLessThanOrEqual(60);
    expect(readdirSync(folder).filter((name) => name.endsWith(".ckpt"))).toHaveLength(3);
  }));

test("a metric of training steps is there when it is monitored, whoever else wants to see it", () =>
  inTemporaryFolder(async (folder) => {
    class Logged extends Wide {
      override trainingStep(batch: readonly [Tensor]): Tensor {
        const loss = super.trainingStep(batch);
        this.log("train_loss", loss);
        return loss;
      }
    }
    const callbacks = [
      new ModelCheckpoint({ dirpath: folder, everyNTrainSteps: 2, monitor: "train_loss", saveTopK: -1 }),
    ];
    const trainer = new Trainer({ logger: false, engine: "onnxruntime", maxSteps: STEPS, maxEpochs: -1, callbacks });
    await trainer.fit(new Logged(8), new Rows(fixtureRows(20), { batchSize: 10 }));
    expect(readdirSync(folder).filter((name) => name.endsWith(".ckpt"))).toHaveLength(3);
  }));

test("with async_checkpoints false every save is over before the next step", () =>
  inTemporaryFolder(async (folder) => {
    const watch = new Watch();
    const callbacks = [watch, new ModelCheckpoint({ dirpath: folder, everyNTrainSteps: 2, saveTopK: -1 })];
    await train(8, { checkpointIO: slowIO(50), asyncCheckpoints: false, callbacks });
    expect(watch.told).toEqual([2, 4, 6].map((step) => ({ moment: step, now: step })));
  }));

test.each([8, 1024])(
  "a write that fails in the background is a failure of the run, and nothing older is removed (%d)",
  (width) =>
    inTemporaryFolder(async (folder) => {
      const dirpath = join(folder, "here");
      /** Takes the place of a file that is going to be written. */
      class Obstacle extends Callback {
        override onTrainBatchEnd({ globalStep }: TrainerState): void {
          if (globalStep === 3) mkdirSync(join(dirpath, "epoch=1-step=4.ckpt"));
        }
      }
      const checkpoint = new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, enableVersionCounter: false });
      const error = await train(width, { maxSteps: 50, callbacks: [new Obstacle(), checkpoint] }).catch(
        (e: unknown) => e,
      );
      expect(error).toMatchObject({ code: "io.failed" });
      expect(String(error)).toContain("epoch=1-step=4.ckpt");
      expect(readdirSync(dirpath).filter((name) => name.includes("step=3"))).toEqual(["epoch=1-step=3.ckpt"]);
      expect(isSound(await verifyCheckpoint(join(dirpath, "epoch=1-step=3.ckpt")))).toBe(true);
    }),
);

test("temp files of runs that are gone are removed at the start, those of others are not", () =>
  inTemporaryFolder(async (folder) => {
    const { temporaryPath } = await import("../../src/io/temporaryName.js");
    const own = temporaryPath(join(folder, "x.ckpt"));
    const goneOf = (name: string): string => temporaryPath(join(folder, name)).replace(/-\d+\./, "-4194305."); // above the highest number a process can have
    const gone = [goneOf("x.ckpt"), goneOf("run.json"), goneOf("metrics.csv")];
    const foreign = own.replace(/\.[0-9a-f]{8}-/, ".00000000-");
    const strange = [".x.ckpt.tmp", "mine.tmp", ".x.txt.0123abcd-4194305.0123456789ab.tmp"].map((name) =>
      join(folder, name),
    );
    for (const path of [own, ...gone, foreign, ...strange]) writeFileSync(path, "half");
    await train(8, { maxSteps: 1, callbacks: [new ModelCheckpoint({ dirpath: folder })] });
    const left = readdirSync(folder).map((name) => join(folder, name));
    expect(left).toEqual(expect.arrayContaining([own, foreign, ...strange]));
    expect(left.filter((path) => gone.includes(path))).toEqual([]);
  }));
