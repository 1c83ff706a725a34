import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TSC = createRequire(import.meta.url).resolve("typescript/bin/tsc");

/** As it is for somebody else: without the settings that npm has for this repository. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_|^ONNXRUNTIME_NODE/i.test(name)),
);

let project = "";
function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: project, encoding: "utf8", env: environment });
  expect({ program, args, status, stderr: status === 0 ? "" : stdout + stderr }).toEqual({ program, args, status: 0, stderr: "" }); // prettier-ignore
  return stdout + stderr;
}

/** Minutes, on a busy machine: half a gigabyte is unpacked. */
const PATIENCE = 900_000;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "ltrain-project-"));
  const packed = spawnSync("npm", ["pack", "--ignore-scripts", "--pack-destination", project], { cwd: ROOT });
  expect(packed.status).toBe(0);
  await writeFile(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  const [tarball = ""] = (await readdir(project)).filter((name) => name.endsWith(".tgz"));
  run("npm", "install", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball}`);
}, PATIENCE);
afterAll(async () => {
  await rm(project, { recursive: true, force: true });
});

test("in an empty project the tarball is all there is to install: the command line is there and works", () => {
  expect(existsSync(join(project, "node_modules/onnxruntime-node/dist/index.js"))).toBe(true);
  expect(run("npx", "ltrain", "--help")).toContain("Usage: ltrain [options] [command]");
  expect(run("npx", "ltrain", "doctor")).toMatch(/^onnxruntime +cpu +yes/m);
});

const USE = `import { DataLoader, LightningDataModule, ModelCheckpoint, TensorDataset, Trainer } from "ltrain";
import { float32Tensor, loadCheckpoint, LightningModule, type FitResult, type Tensor } from "ltrain";
import { EarlyStopping } from "ltrain/callbacks";
import { findNewestCheckpoint } from "ltrain/checkpoint";
import { defaultCollate } from "ltrain/data";
import { functional, Linear } from "ltrain/nn";
import { AdamW } from "ltrain/optim";

class Line extends LightningModule<[Tensor, Tensor]> {
  readonly linear = new Linear(1, 1);
  constructor(readonly lr: number) {
    super();
    this.saveHyperparameters({ lr });
  }
  override trainingStep([x, y]: [Tensor, Tensor]): Tensor {
    const loss = functional.mseLoss(this.linear.forward(x), y);
    this.log("train_loss", loss, { onEpoch: true });
    return loss;
  }
  override configureOptimizers(): AdamW {
    return new AdamW(this.parameters(), { lr: this.lr, weightDecay: 0 });
  }
}
class Points extends LightningDataModule {
  override trainDataloader(): DataLoader {
    const x = Float32Array.from({ length: 32 }, (_, i) => i / 32);
    const y = x.map((each) => 3 * each + 1);
    return new DataLoader(new TensorDataset(float32Tensor(x, [32, 1]), float32Tensor(y, [32, 1])), {
      batchSize: 8,
      shuffle: true,
      collate: defaultCollate,
    });
  }
}
const callbacks = [new ModelCheckpoint({ monitor: "train_loss" }), new EarlyStopping({ monitor: "train_loss", patience: 50 })];
const result: FitResult = await new Trainer({ maxEpochs: 100, callbacks }).fit(new Line(0.1), new Points());
const { checkpoint, close } = await loadCheckpoint(result.bestModelPath);
await close();
const newest: string | null = (await findNewestCheckpoint("."))?.path ?? null;
export const told = JSON.stringify({ step: checkpoint.globalStep, newest, loss: result.callbackMetrics.get("train_loss") });
`;

const TSCONFIG = {
  compilerOptions: {
    ...{
      target: "ES2022",
      module: "NodeNext",
      strict: true,
      skipLibCheck: false,
      outDir: "out",
      lib: ["ES2023", "DOM"],
    },
    ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noImplicitOverride: true },
    ...{ noPropertyAccessFromIndexSignature: true, noImplicitReturns: true, verbatimModuleSyntax: true },
  },
  include: ["*.ts"],
};

test(
  "what `init` writes trains, and compiles in the strictest project without skipLibCheck, as does a program of one's own",
  async () => {
    run("npx", "ltrain", "init", ".");
    expect(run("npx", "ltrain", "train", "--config", "config.yaml", "--trainer.max_epochs", "2")).toContain("done     2 epochs"); // prettier-ignore

    await writeFile(join(project, "use.ts"), USE);
    await writeFile(join(project, "tsconfig.json"), JSON.stringify(TSCONFIG));
    run(process.execPath, TSC, "-p", ".");
    const told = run(process.execPath, "--eval", 'import("./out/use.js").then(({ told }) => console.log(told))');
    const { step, loss } = JSON.parse(told.trim().split("\n").at(-1) ?? "") as { step: number; loss: number };
    expect(step % 4).toBe(0); // the end of an epoch
    expect(loss).toBeLessThan(0.01);
  },
  PATIENCE,
);
