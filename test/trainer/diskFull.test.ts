import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EMAWeightAveraging } from "../../src/callbacks/emaWeightAveraging.js";
import { LambdaCallback } from "../../src/callbacks/lambdaCallback.js";
import { ModelCheckpoint } from "../../src/callbacks/modelCheckpoint.js";
import { StochasticWeightAveraging } from "../../src/callbacks/stochasticWeightAveraging.js";
import { WeightAveraging } from "../../src/callbacks/weightAveraging.js";
import type { CheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import { torchCheckpointIO } from "../../src/checkpoint/checkpointIO.js";
import { isSound } from "../../src/checkpoint/verification.js";
import { verifyCheckpoint } from "../../src/checkpoint/verifyCheckpoint.js";
import type { Callback } from "../../src/core/callback.js";
import type { FileOperations } from "../../src/io/fileOperations.js";
import { nodeFiles } from "../../src/io/fileOperations.js";
import type { LightningModule } from "../../src/core/lightningModule.js";
import { Linear } from "../../src/nn/linear.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import type { TrainerOptions } from "../../src/trainer/options.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, inTemporaryFolder, Rows, TinyAutoEncoder } from "./tinyRun.js";

const STEPS = 8;

/** The same with more weights than the forecast allows for everything else: 400 kB. */
class Wide extends TinyAutoEncoder {
  readonly more = new Linear(320, 320, { bias: false });
  protected override loss(x: Tensor): Tensor {
    return tf.add(super.loss(x), tf.mean(tf.square(this.more.weight.value)));
  }
}

async function train(
  options: TrainerOptions & { readonly warnings?: string[] },
  module: LightningModule<readonly [Tensor]> = new TinyAutoEncoder(),
): Promise<void> {
  const { warnings = [] } = options;
  const trainer = new Trainer({
    logger: false,
    engine: "onnxruntime",
    maxSteps: STEPS,
    maxEpochs: -1,
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  await trainer.fit(module, new Rows(fixtureRows(20), { batchSize: 10 }));
}

/** A disk on which so many bytes of checkpoints fit. */
function smallDisk(folder: string, size: { bytes: number }): FileOperations {
  const used = (): number => {
    const names = readdirSync(folder).filter((name) => name.includes(".ckpt"));
    return names.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
  };
  const sizes = new Map<string, number>();
  return {
    ...nodeFiles,
    freeSpace: () => Promise.resolve(1e9), // the forecast sees nothing coming
    rename: async (from, to) => {
      await nodeFiles.rename(from, to);
      sizes.set(nameOf(to), sizes.get(nameOf(from)) ?? 0);
    },
    open: async (path, mode) => {
      const file = await nodeFiles.open(path, mode);
      if (mode !== "create") return file;
      return {
        read: (...where) => file.read(...where),
        status: () => file.status(),
        sync: () => file.sync(),
        close: () => file.close(),
        write: (bytes) => {
          if (used() + bytes.byteLength > size.bytes) {
            return Promise.reject(Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }));
          }
          sizes.set(nameOf(path), (sizes.get(nameOf(path)) ?? 0) + bytes.byteLength);
          return file.write(bytes);
        },
      };
    },
  };
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const stepsIn = (folder: string): number[] =>
  readdirSync(folder)
    .flatMap((name) => /step=(\d+)\.ckpt$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);

/** Bytes of the largest checkpoint of this run. */
async function sizeOfOne(
  folder: string,
  others: () => Callback[] = () => [],
  module?: LightningModule<readonly [Tensor]>,
): Promise<number> {
  const place = join(folder, "probe");
  let bytes = 0;
  const io = torchCheckpointIO();
  const checkpointIO: CheckpointIO = {
    ...io,
    prepare: async (...order) => {
      const prepared = await io.prepare(...order);
      return {
        write: async () => {
          const saved = await prepared.write();
          bytes = Math.max(bytes, ...saved.map(({ byteLength }) => byteLength));
          return saved;
        },
      };
    },
  };
  const callbacks = [...others(), new ModelCheckpoint({ dirpath: place, everyNTrainSteps: 1, saveTopK: -1 })];
  await train({ checkpointIO, callbacks }, module);
  return bytes;
}

test("stop: a full disk ends the run with disk.full, everything that was there before is there and sound", () =>
  inTemporaryFolder(async (folder) => {
    const size = await sizeOfOne(folder);
    const dirpath = join(folder, "run");
    mkdirSync(dirpath);
    const files = smallDisk(dirpath, { bytes: 3.5 * size });
    const callbacks = [new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, saveTopK: -1 })];
    const error = await train({ checkpointIO: torchCheckpointIO({ files }), callbacks }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "disk.full", exitCode: 6 });
    expect(stepsIn(dirpath)).toEqual([1, 2, 3]);
    expect(readdirSync(dirpath).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    for (const step of [1, 2, 3]) {
      const name = readdirSync(dirpath).find((each) => each.endsWith(`step=${step}.ckpt`)) ?? "";
      expect(isSound(await verifyCheckpoint(join(dirpath, name)))).toBe(true);
    }
  }));

test("prune: the oldest of the run's own files goes for the next, never the newest, never a stranger's", () =>
  inTemporaryFolder(async (folder) => {
    const size = await sizeOfOne(folder);
    const dirpath = join(folder, "run");
    mkdirSync(dirpath);
    writeFileSync(join(dirpath, "mine.ckpt"), "not of this run");
    const files = smallDisk(dirpath, { bytes: 3.5 * size });
    const warnings: string[] = [];
    const callbacks = [new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, saveTopK: -1 })];
    await train({ checkpointIO: torchCheckpointIO({ files }), callbacks, onDiskFull: "prune", warnings });
    expect(stepsIn(dirpath)).toEqual([6, 7, 8]);
    expect(readdirSync(dirpath)).toContain("mine.ckpt");
    expect(warnings.filter((each) => each.includes("removing"))).toHaveLength(5);
  }));

test("prune: of the best, what has just fallen out goes before the next is there", () =>
  inTemporaryFolder(async (folder) => {
    const size = await sizeOfOne(folder);
    const dirpath = join(folder, "run");
    mkdirSync(dirpath);
    // Of three that are kept room is for the third only when the worst has gone.
    const files = smallDisk(dirpath, { bytes: 2.5 * size });
    const warnings: string[] = [];
    const options = { dirpath, everyNTrainSteps: 1, saveTopK: 2, monitor: "v" };
    const falling = new LambdaCallback({
      onTrainBatchEnd: (trainer) => {
        trainer.showMetrics(new Map([["v", -trainer.globalStep]]));
      },
    });
    const callbacks = [falling, new ModelCheckpoint(options)];
    await train({ checkpointIO: torchCheckpointIO({ files }), callbacks, onDiskFull: "prune", warnings });
    expect(stepsIn(dirpath)).toEqual([7, 8]);
    expect(warnings.filter((each) => each.includes("removing")).length).toBeGreaterThan(0);
  }));

test("prune: where only what is needed is left, the run ends and keeps it", () =>
  inTemporaryFolder(async (folder) => {
    const size = await sizeOfOne(folder);
    const dirpath = join(folder, "run");
    mkdirSync(dirpath);
    const files = smallDisk(dirpath, { bytes: 1.5 * size });
    const callbacks = [new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, saveTopK: -1 })];
    const trained = train({ checkpointIO: torchCheckpointIO({ files }), callbacks, onDiskFull: "prune" });
    await expect(trained).rejects.toMatchObject({ code: "disk.full" });
    expect(stepsIn(dirpath)).toEqual([1]);
  }));

test("pause: training waits until there is room, and goes on as if nothing had been", () =>
  inTemporaryFolder(async (folder) => {
    const size = await sizeOfOne(folder);
    const dirpath = join(folder, "run");
    mkdirSync(dirpath);
    const disk = { bytes: 2.5 * size };
    const warnings: string[] = [];
    const callbacks = [new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, saveTopK: -1 })];
    const checkpointIO = torchCheckpointIO({ files: smallDisk(dirpath, disk) });
    const onWarning = (message: string): void => {
      warnings.push(message);
      disk.bytes = 100 * size; // somebody has read it, and tidied up
    };
    await train({ checkpointIO, callbacks, onDiskFull: "pause", onWarning });
    expect(stepsIn(dirpath)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(warnings.filter((each) => each.includes("training pauses until there is room"))).toHaveLength(1);
  }));

test("pause: whoever asks the run to stop meanwhile is heard", () =>
  inTemporaryFolder(async (folder) => {
    const size = await sizeOfOne(folder);
    const dirpath = join(folder, "run");
    mkdirSync(dirpath);
    const trainer: Trainer = new Trainer({
      logger: false,
      engine: "onnxruntime",
      maxSteps: STEPS,
      maxEpochs: -1,
      onDiskFull: "pause",
      checkpointIO: torchCheckpointIO({ files: smallDisk(dirpath, { bytes: 2.5 * size }) }),
      callbacks: [new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, saveTopK: -1 })],
      onWarning: (message) => {
        if (message.includes("training pauses")) setTimeout(() => trainer.stop("SIGTERM"), 100);
      },
    });
    const trained = trainer.fit(new TinyAutoEncoder(), new Rows(fixtureRows(20), { batchSize: 10 }));
    await expect(trained).rejects.toMatchObject({ code: "disk.full" });
    expect(stepsIn(dirpath)).toEqual([1, 2]);
  }));

test("a run whose checkpoints cannot fit is refused before its first step", () =>
  inTemporaryFolder(async (folder) => {
    const free = 200_000;
    const files = { ...nodeFiles, freeSpace: () => Promise.resolve(free) };
    const run = (saveTopK: number): Promise<void> => {
      const dirpath = join(folder, String(saveTopK));
      const callbacks = [new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, saveTopK, monitor: "train_loss" })];
      return train({ checkpointIO: torchCheckpointIO({ files }), callbacks });
    };
    const error = await run(5).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "disk.full", exitCode: 6 });
    expect(String(error)).toMatch(/6 of \d+ bytes take \d+ bytes at once, and 200000 are free/);
    const left = readdirSync(folder, { recursive: true, encoding: "utf8" });
    expect(left.filter((name) => name.endsWith(".ckpt") || name.endsWith(".jsonl"))).toEqual([]);
  }));

test("what every save leaves free is not forecast as room", () =>
  inTemporaryFolder(async (folder) => {
    const run = (free: number): Promise<void> => {
      const files = { ...nodeFiles, freeSpace: () => Promise.resolve(free) };
      const dirpath = join(folder, String(free));
      const callbacks = [new ModelCheckpoint({ dirpath, everyNTrainSteps: 1 })];
      return train({ checkpointIO: torchCheckpointIO({ files }), callbacks });
    };
    const needed = Number(/take (\d+) bytes at once/.exec(String(await run(0).catch((error: unknown) => error)))?.[1]);
    await expect(run(needed + 2 ** 20 - 1)).rejects.toThrow("bytes at once, and");
    await run(needed + 2 ** 20);
  }));

test.each<[string, () => Callback[]]>([
  ["alone", () => []],
  ["with an average of the weights", () => [new WeightAveraging()]],
  ["with one that decays", () => [new EMAWeightAveraging({ decay: 0.9 })]],
  ["with the last epochs' average", () => [new StochasticWeightAveraging({ swaLrs: 0.01, swaEpochStart: 1 })]],
])("the forecast is not below what the checkpoints are, %s", (_, others) =>
  inTemporaryFolder(async (folder) => {
    const size = await sizeOfOne(folder, others, new Wide());
    let forecast = 0;
    const files = { ...nodeFiles, freeSpace: () => Promise.resolve(0) };
    const callbacks = [...others(), new ModelCheckpoint({ dirpath: join(folder, "x"), everyNTrainSteps: 1 })];
    const checkpointIO = torchCheckpointIO({ files });
    await train({ checkpointIO, callbacks }, new Wide()).catch((error: unknown) => {
      forecast = Number(/2 of (\d+) bytes/.exec(String(error))?.[1]);
    });
    expect(forecast).toBeGreaterThanOrEqual(size);
    expect(forecast).toBeLessThan(size + 100_000);
  }),
);

test("the forecast has room for one that is saved inside an accumulated window", () =>
  inTemporaryFolder(async (folder) => {
    const sizes: number[] = [];
    const saveInside = new LambdaCallback({
      onTrainBatchEnd: async (trainer, _, __, batchIdx) => {
        const path = join(folder, `${batchIdx}.ckpt`);
        await trainer.saveCheckpoint(path);
        sizes.push(statSync(path).size);
      },
    });
    await train(
      { callbacks: [saveInside], enableCheckpointing: false, accumulateGradBatches: 2, maxSteps: 2 },
      new Wide(),
    );
    const [inside = 0, after = 0] = sizes.slice(2); // with the state of the optimizer, which the first batch has not
    expect(inside).toBeGreaterThan(after + 320 * 320 * 4);
    const files = { ...nodeFiles, freeSpace: () => Promise.resolve(0) };
    const callbacks = [new ModelCheckpoint({ dirpath: join(folder, "x"), everyNTrainSteps: 1 })];
    const checkpointIO = torchCheckpointIO({ files });
    const refusal = await train({ checkpointIO, callbacks, accumulateGradBatches: 2 }, new Wide()).catch(String);
    const forecast = Number(/take (\d+) bytes at once/.exec(String(refusal))?.[1]);
    expect(forecast).toBeGreaterThanOrEqual(inside + after);
    expect(forecast).toBeLessThan(inside + after + 200_000);
  }));
