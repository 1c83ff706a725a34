import { mkdtemp, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnLtrain } from "../cli/spawnLtrain.js";

// In processes of their own: a user's file imports `ltrain` by its name, and must get the instance that runs.

const NET = `
import { Linear, type Module } from "ltrain/nn";
import { LightningModule, TensorDataset, DataLoader, LightningDataModule, float32Tensor, tf, type Tensor } from "ltrain";
import { SGD } from "ltrain/optim";
import { z } from "zod";
import { double } from "./double";

export class Net extends LightningModule<readonly [Tensor, Tensor]> {
  static initArgs = z.object({ width: z.int().min(1), name: z.string().optional() });
  layer: Linear;
  constructor(args: { width: number; name?: string }) {
    super();
    if (args.width === 13) throw new RangeError("13 is unlucky");
    this.layer = new Linear(double(args.width), 1);
    this.saveHyperparameters(args);
  }
  trainingStep([x, y]: readonly [Tensor, Tensor]): Tensor {
    const loss = tf.mean(tf.square(tf.sub(this.layer.forward(x as Tensor<"2d">), y)));
    this.log("train_loss", loss);
    return loss;
  }
  configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}
export class Failing extends Net {
  override trainingStep(): Tensor {
    throw new TypeError("no step today");
  }
}
export class Rows extends LightningDataModule {
  trainDataloader(): DataLoader {
    const x = float32Tensor(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7), [4, 2]);
    return new DataLoader(new TensorDataset(x, float32Tensor(Float32Array.of(1, 2, 3, 4), [4, 1])), { batchSize: 2 });
  }
}
export class Nothing {}
`;

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-user-")));
  await writeFile(join(folder, "net.ts"), NET);
  await writeFile(join(folder, "double.ts"), "export const double = (x: number): number => 2 * x;\n");
  await writeFile(join(folder, "broken.ts"), "export class Broken {\n");
  await writeFile(
    join(folder, "c.yaml"),
    "seed_everything: 1\nmodel:\n  class_path: ./net.ts:Net\n  init_args: {width: 1}\ndata: ./net.ts:Rows\ntrainer: {max_epochs: 1, accelerator: cpu}\n",
  );
});

test("a class in a TypeScript file beside the config trains, from any folder and without node_modules, and resumes", async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), "ltrain-else-"));
  const trained = await spawnLtrain(elsewhere, ["train", "--config", join(folder, "c.yaml"), "--json"]);
  expect(trained).toMatchObject({ code: 0 });
  expect(trained.stdout).toContain('"event":"fit_end","schema_version":1,"global_step":2,"epochs":1');
  const resumed = await spawnLtrain(folder, ["resume", elsewhere, "--trainer.max_epochs", "2", "--json"]);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stdout).toContain('"event":"fit_end","schema_version":1,"global_step":4,"epochs":2');
}, 60_000);

/** What a config with this model says. */
async function said(model: string, ...overrides: readonly string[]): Promise<readonly [number | null, string]> {
  const { code, stderr } = await spawnLtrain(folder, ["train", "--config", "c.yaml", "--model", model, ...overrides]);
  return [code, stderr.replaceAll(`${folder}/`, "")];
}

test("what is wrong with a user's class is told in one message", async () => {
  expect(await said("./net.ts:Nett")).toEqual([
    2,
    "error: --model ./net.ts:Nett: model.class_path: net.ts has no export Nett; did you mean Net?\n",
  ]);
  expect(await said("./net.ts:Nothing")).toEqual([
    2,
    'error: --model ./net.ts:Nothing: model.class_path: Nothing in net.ts is not a model: let it extend LightningModule from "ltrain"\n',
  ]);
  const [code, text] = await said("./broken.ts:Broken");
  expect(code).toBe(2);
  expect(text).toMatch(/^error: --model \.\/broken\.ts:Broken: model\.class_path: broken\.ts cannot be loaded: .*\n$/);
}, 60_000);

test("a class's own schema checks its init_args, as those of the built-in classes", async () => {
  expect(await said("./net.ts:Net", "--model.widht", "2", "--model.width", "x")).toEqual([
    2,
    "error: the config has 2 mistakes\n" +
      "  --model.widht 2: model.init_args.widht: there is no such key; did you mean width?\n" +
      '  --model.width x: model.init_args.width: expected an integer of at least 1, found "x"\n',
  ]);
}, 60_000);

test("what a user's code throws is told with its line", async () => {
  expect(await said("./net.ts:Net", "--model.width", "13")).toEqual([
    1,
    "error: --model ./net.ts:Net: the model Net in net.ts cannot be made: RangeError: 13 is unlucky\n" +
      `hint:  thrown at net.ts:${lineOf("13 is unlucky")}\n`,
  ]);
  const [code, text] = await said("./net.ts:Failing");
  expect(code).toBe(1);
  expect(text).toContain(
    `error: Failing.trainingStep in epoch 0, batch 0 failed: no step today\nhint:  thrown at net.ts:${lineOf("no step today")}\n`,
  );
}, 60_000);

function lineOf(text: string): number {
  return NET.slice(0, NET.indexOf(text)).split("\n").length;
}
