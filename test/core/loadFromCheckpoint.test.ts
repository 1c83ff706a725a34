import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { LightningDataModule } from "../../src/core/lightningDataModule.js";
import { LightningModule } from "../../src/core/lightningModule.js";
import type { DataLoader } from "../../src/data/dataLoader.js";
import { LtrainError } from "../../src/errors.js";
import { ReLU } from "../../src/nn/activation.js";
import { Sequential } from "../../src/nn/container.js";
import { Linear } from "../../src/nn/linear.js";
import { SGD } from "../../src/optim/sgd.js";
import { toPlain } from "../../src/pickle/convert.js";
import type { PyDict } from "../../src/pickle/values.js";
import { readTensor } from "../../src/storage/strided.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, inTemporaryFolder, QUIET, Rows } from "../trainer/tinyRun.js";

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/lightning/${name}`, import.meta.url));
const DATAMODULE = fixture("datamodule-hparams-state.ckpt");

/** A half of the autoencoder in the fixtures: `l1` is Linear, ReLU, Linear. */
class Half extends LightningModule {
  readonly l1: Sequential;
  constructor(from: number, hidden: number, to: number) {
    super();
    this.l1 = new Sequential(new Linear(from, hidden), new ReLU(), new Linear(hidden, to));
  }
  trainingStep(): Tensor {
    return tf.scalar(0);
  }
  configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

interface Args {
  learning_rate?: number;
  hidden: number;
  latent: number;
}

class LitAutoEncoder extends Half {
  readonly encoder: Half;
  readonly decoder: Half;
  constructor({ learning_rate: learningRate = 1, hidden, latent }: Args) {
    super(1, 1, 1);
    Reflect.deleteProperty(this, "l1");
    this.encoder = new Half(8, hidden, latent);
    this.decoder = new Half(latent, hidden, 8);
    this.saveHyperparameters({ learning_rate: learningRate, hidden, latent });
  }
}

class DM extends LightningDataModule {
  state: PyDict | null = null;
  constructor(args: { batch_size: number; root?: string; split?: readonly number[] }) {
    super();
    this.saveHyperparameters(args);
  }
  trainDataloader(): DataLoader {
    throw new Error("not needed");
  }
  override loadStateDict(state: PyDict): void {
    this.state = state;
  }
}

async function refusal(action: () => unknown): Promise<LtrainError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof LtrainError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("a file of Lightning's", () => {
  test("becomes the module it was made of: its hyperparameters, its weights", async () => {
    const module = await LitAutoEncoder.loadFromCheckpoint(DATAMODULE);
    expect(module.hparams).toEqual({ learning_rate: 0.02, hidden: 4, latent: 2 });
    const { checkpoint, close } = await loadCheckpoint(DATAMODULE);
    expect([...module.state().keys()]).toEqual([...checkpoint.stateDict.tensors.keys()]);
    for (const [name, tensor] of checkpoint.stateDict.tensors) {
      expect(await module.state().get(name)?.read()).toEqual(await readTensor(tensor));
    }
    await close();
  });

  test("with overrides in place of what it holds, as long as the weights fit", async () => {
    const module = await LitAutoEncoder.loadFromCheckpoint(DATAMODULE, { learning_rate: 0.5 });
    expect(module.hparams).toEqual({ learning_rate: 0.5, hidden: 4, latent: 2 });
    const error = await refusal(() => LitAutoEncoder.loadFromCheckpoint(DATAMODULE, { hidden: 5 }));
    expect(error.code).toBe("checkpoint.mismatch");
    expect(error.message).toContain("datamodule-hparams-state.ckpt: the state_dict does not fit LitAutoEncoder");
    expect(error.message).toContain("encoder.l1.0.weight is [4, 8] in the file, [5, 8] in the model");
  });

  test("what the constructor needs and the file lacks is named; what it does not take is left out", async () => {
    const error = await refusal(() => LitAutoEncoder.loadFromCheckpoint(fixture("hparams-ignore.ckpt")));
    expect(error.code).toBe("checkpoint.mismatch");
    expect(error.message).toContain("hparams-ignore.ckpt: the state_dict does not fit LitAutoEncoder");
    expect(error.hint).toBe(
      "LitAutoEncoder asks for learning_rate, hidden, latent, not in the file: LitAutoEncoder.loadFromCheckpoint(path, { learning_rate: ... })",
    );
    class Picky extends LitAutoEncoder {
      constructor(args: Args & { in_dim: { size: number } }) {
        super({ hidden: args.in_dim.size, latent: 2 });
      }
    }
    const picky = await refusal(() => Picky.loadFromCheckpoint(fixture("hparams-ignore.ckpt")));
    expect(picky.message).toMatch(/hparams-ignore\.ckpt: Picky cannot be made \(from lr\): TypeError: .*undefined/);
    expect(picky.hint).toBe("Picky asks for in_dim, not in the file: Picky.loadFromCheckpoint(path, { in_dim: ... })");
    const given = await LitAutoEncoder.loadFromCheckpoint(fixture("hparams-ignore.ckpt"), { hidden: 4, latent: 2 });
    expect(given.hparams).toEqual({ learning_rate: 1, hidden: 4, latent: 2 });
  });

  test("a class that says its arguments with zod has them checked", async () => {
    class Strict extends LitAutoEncoder {
      static initArgs = z.strictObject({ hidden: z.int(), latent: z.int(), learning_rate: z.number().default(3) });
    }
    expect((await Strict.loadFromCheckpoint(DATAMODULE)).hparams).toEqual({
      learning_rate: 0.02,
      hidden: 4,
      latent: 2,
    });
    const error = await refusal(() => Strict.loadFromCheckpoint(fixture("hparams-ignore.ckpt"), { latent: 2 }));
    expect(error.message.split("\n").slice(1)).toEqual(["  hidden is missing: the file does not have it"]);
    const wrong = await refusal(() => Strict.loadFromCheckpoint(DATAMODULE, { latend: 2 } as object));
    expect([wrong.code, wrong.message]).toEqual(["argument.invalid", "Strict takes no latend; did you mean latent?"]);
  });

  test("the one argument that holds all, hparams_name, is given where it is asked for by name, and flat", async () => {
    class Flat extends LitAutoEncoder {
      constructor(args: { lr: number; wd: number }) {
        super({ hidden: 4, latent: 2 });
        this.saveHyperparameters(args, { name: "args" });
      }
    }
    class Nested extends LitAutoEncoder {
      constructor({ args }: { args: { lr: number } }) {
        super({ hidden: 4, latent: 2 });
        this.saveHyperparameters(args, { name: "args" });
      }
    }
    const path = fixture("hparams-namespace-flat.ckpt");
    for (const module of [await Flat.loadFromCheckpoint(path), await Nested.loadFromCheckpoint(path)]) {
      expect(module.hparams).toMatchObject({ lr: 0.25, wd: 0, gpus: null });
      expect(module.hparamsName).toBe("args");
    }
  });

  test("hyperparameters may come from a hparams.yaml, or from the csv of old", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ltrain-hparams-"));
    const [yaml, csv] = [join(folder, "hparams.yaml"), join(folder, "hparams.csv")];
    await writeFile(yaml, "hidden: 4\nlatent: 2\nlearning_rate: 1.0e-05\nsplit: !!python/tuple\n- 0.5\n");
    await writeFile(csv, "key,value\nhidden,4\nlatent,2\nlearning_rate,0.25\n");
    for (const [hparamsFile, lr] of [
      [yaml, 1e-5],
      [csv, 0.25],
    ] as const) {
      const module = await LitAutoEncoder.loadFromCheckpoint(fixture("hparams-ignore.ckpt"), {}, { hparamsFile });
      expect(module.hparams).toEqual({ learning_rate: lr, hidden: 4, latent: 2 });
    }
    expect(
      (await refusal(() => LitAutoEncoder.loadFromCheckpoint(DATAMODULE, {}, { hparamsFile: "x.toml" }))).message,
    ).toBe("hparamsFile is a .yaml, .yml or .csv file, not x.toml");
  });

  test("without strict, names that only one side has are told; map_location has nothing to map", async () => {
    class More extends LitAutoEncoder {
      readonly head = new Linear(2, 2);
    }
    expect((await refusal(() => More.loadFromCheckpoint(DATAMODULE))).message).toContain(
      "missing in the file (2): head.{weight, bias}",
    );
    const told: string[] = [];
    const options = { strict: false, mapLocation: "cuda:1", onWarning: (message: string) => told.push(message) };
    await More.loadFromCheckpoint(DATAMODULE, {}, options);
    expect(told).toEqual(["not in the checkpoint, so More keeps its own: head.{weight, bias}"]);
  });

  test("becomes the data module it was made of, with its state", async () => {
    const data = await DM.loadFromCheckpoint(DATAMODULE, { batch_size: 16 });
    expect(data.hparams).toEqual({ batch_size: 16, root: "/data/mnist", split: [0.8, 0.2] });
    const { checkpoint, close } = await loadCheckpoint(DATAMODULE);
    expect(data.state === null ? null : toPlain(data.state)).toEqual(toPlain(checkpoint.datamodule?.state ?? null));
    await close();
  });
});

test("what saveHyperparameters keeps is in the file and comes back; names are hparams_name, ignored ones are not there", async () => {
  class Net extends LitAutoEncoder {
    constructor(conf: Args & { secret?: string }) {
      super(conf);
      this.saveHyperparameters(conf, { ignore: "secret", name: "conf" });
    }
    override trainingStep(): Tensor {
      return tf.mean(tf.square(this.encoder.l1.forward(tf.ones([1, 8]))));
    }
  }
  await inTemporaryFolder(async (folder) => {
    const trainer = new Trainer({ ...QUIET, maxEpochs: 1 });
    await trainer.fit(new Net({ hidden: 3, latent: 2, secret: "x" }), new Rows(fixtureRows(8), { batchSize: 8 }));
    const path = join(folder, "net.ckpt");
    await trainer.saveCheckpoint(path);
    const { checkpoint, close } = await loadCheckpoint(path);
    expect(checkpoint.hyperParameters?.name).toBe("conf");
    expect(toPlain(checkpoint.hyperParameters?.values ?? null)).toEqual({ learning_rate: 1, hidden: 3, latent: 2 });
    await close();
    expect((await Net.loadFromCheckpoint(path)).hparams).toEqual({ learning_rate: 1, hidden: 3, latent: 2 });
  });
});

test.each([
  ["a function", { act: () => 0 }, "act is a function"],
  ["a module", { nets: [new Linear(1, 1)] }, "nets[0] is a Linear"],
  ["a date deep inside", { a: { b: [1, { c: new Date(0) }] } }, "a.b[1].c is a Date"],
  ["not a number", { lr: Number.NaN }, "lr is NaN, which JSON cannot carry"],
  ["infinity", { clip: { max: Infinity } }, "clip.max is Infinity, which JSON cannot carry"],
  ["a bigint", { seed: 2n ** 70n }, "seed is a bigint"],
  ["typed arrays", { w: new Float32Array(1) }, "w is a Float32Array"],
])("%s is refused with its place when hyperparameters are kept", async (_, args, what) => {
  class Keeper extends Half {
    constructor() {
      super(1, 1, 1);
      this.saveHyperparameters(args);
    }
  }
  const error = await refusal(() => new Keeper());
  expect([error.code, error.message]).toEqual(["user.failed", `Keeper.saveHyperparameters: ${what}`]);
  expect(error.hint).toContain(`ignore: ["${Object.keys(args)[0] ?? ""}"]`);
});

test("hyperparameters that hold themselves are refused, undefined ones are left out", async () => {
  const loop: Record<string, unknown> = { a: undefined, b: { c: undefined, d: 1 } };
  class Keeper extends Half {
    constructor() {
      super(1, 1, 1);
      this.saveHyperparameters(loop);
    }
  }
  expect(new Keeper().hparams).toEqual({ b: { d: 1 } });
  loop["self"] = loop;
  expect((await refusal(() => new Keeper())).message).toContain("is nested too deep, or in itself");
});
