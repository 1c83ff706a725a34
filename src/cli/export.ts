import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import { instantiate } from "../config/instantiate.js";
import { display, userFailure } from "../config/userModule.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Batch } from "../data/batch.js";
import type { ExportedPorts } from "../engine/exportGraph.js";
import { LtrainError } from "../errors.js";
import { writeFileAtomically } from "../io/atomicFile.js";
import { writeFolderAtomically } from "../io/atomicFolder.js";
import type { Terminal } from "../io/console.js";
import { standardOutput } from "../io/standardOutput.js";
import { statusOf } from "../io/textFile.js";
import type { DType } from "../storage/dtype.js";
import { zerosTensor } from "../storage/hostTensor.js";
import type { ExportOptions } from "../trainer/exportModel.js";
import { exportGraphModel, exportModel } from "../trainer/exportModel.js";
import { restoreWeights } from "../trainer/restoreStates.js";
import type { Evaluated, EvaluateArguments } from "./evaluatedCheckpoint.js";
import { findEvaluated } from "./evaluatedCheckpoint.js";
import { runExtract } from "./extract.js";
import { STANDARD_OUTPUT } from "./outputFile.js";
import { jsonText } from "./printable.js";
import { formatBytes } from "./units.js";

/** What the command line gives `export`. */
export interface ExportArguments extends EvaluateArguments {
  readonly format?: string;
  readonly output?: string;
  readonly batchSize?: string;
  readonly inputShape?: string;
  readonly inputDtype?: string;
  readonly inputNames?: string;
  readonly outputNames?: string;
  readonly force: boolean;
}

const FORMATS = ["onnx", "safetensors", "tfjs"] as const;
const INPUT_DTYPES = ["float32", "int64", "bool"] as const satisfies readonly DType[];

/** `ltrain export`: a trained module as a model that needs no ltrain. Gives the exit code. */
export async function runExport(args: ExportArguments, terminal: Terminal): Promise<number> {
  const format = oneOf("--format", args.format ?? "onnx", FORMATS);
  const evaluated = await findEvaluated(args, "export", terminal);
  const { ckptPath } = evaluated;
  if (ckptPath === null) {
    throw new LtrainError("usage.invalid", "there is no checkpoint to export", {
      hint: "name one: ltrain export last.ckpt",
    });
  }
  const output = args.output ?? `${ckptPath.replace(/\.[^./]+$/, "")}.${format}`;
  if (format === "safetensors") {
    const all = { prefixes: [""], include: [], exclude: [], rename: [], stripWrappers: false, stripPrefix: false };
    const { json, force } = args;
    return runExtract({ ...all, ckpt: ckptPath, output, format, force, dryRun: false, json }, terminal);
  }
  const isPipe = output === STANDARD_OUTPUT;
  if (isPipe && (args.json || format === "tfjs")) {
    const [what, name] =
      format === "tfjs" ? ["a folder of files", "model.tfjs"] : ["--json and the model", "model.onnx"];
    throw new LtrainError(
      "usage.invalid",
      `${what} cannot ${format === "tfjs" ? "be" : "both be"} on standard output`,
      {
        hint: `write the model under a name: -o ${name}`,
      },
    );
  }
  if (!isPipe && !args.force && (await statusOf(output)) !== undefined) {
    throw new LtrainError("output.refused", `${output} exists already`, {
      hint: "give another name with -o, or replace it with --force",
    });
  }
  const model =
    format === "onnx"
      ? await exportRun(evaluated, ckptPath, args, async (module, options) => {
          const { bytes, ...rest } = await exportModel(module, options);
          return { ...rest, files: new Map([[output, bytes]]) };
        })
      : await exportRun(evaluated, ckptPath, args, exportGraphModel);
  const bytes = [...model.files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (format === "tfjs") await writeFolderAtomically(output, model.files, { replaces: "model.json" });
  else {
    for (const file of model.files.values()) {
      if (isPipe) await standardOutput().write(file);
      else await writeFileAtomically(output, (sink) => sink.write(file));
    }
  }
  if (args.json) {
    const { inputs, outputs, maxAbsDifference } = model;
    const found = {
      schema_version: 1,
      ckpt_path: ckptPath,
      output,
      format,
      bytes,
      ...(format === "tfjs" && { files: [...model.files.keys()] }),
      inputs,
      outputs,
      max_abs_difference: maxAbsDifference,
    };
    terminal.stdout.write(`${jsonText(found)}\n`);
  } else if (!args.quiet) {
    const name = isPipe ? "standard output" : format === "tfjs" ? `${output.replace(/\/+$/, "")}/` : output;
    terminal.stderr.write(`${describe(model, format, `${display(name)} (${formatBytes(bytes)})`).join("\n")}\n`);
  }
  return 0;
}

/** What every format gives: its files by name, and how far its outputs were from the module's. */
interface Exported extends ExportedPorts {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly maxAbsDifference: number | null;
}

function describe(model: Exported, format: "onnx" | "tfjs", written: string): string[] {
  const port =
    (kind: string) =>
    ({ name, dtype, shape }: Exported["inputs"][number]): string =>
      `${kind.padEnd(8)} ${name}: ${dtype} [${shape.join(", ")}]`;
  const runtime = format === "onnx" ? "ONNX Runtime" : "TensorFlow.js";
  const { maxAbsDifference, files } = model;
  const count = files.size === 1 ? "" : `: model.json and ${files.size - 1} of weights`;
  return [
    ...model.inputs.map(port("input")),
    ...model.outputs.map(port("output")),
    maxAbsDifference === null
      ? "checked  not: `npm install @tensorflow/tfjs-converter@4.22` has TensorFlow.js run it and compare"
      : `checked  ${runtime} gives what the module gives, ${closeness(maxAbsDifference)}`,
    `wrote    ${written}${count}`,
  ];
}

function closeness(difference: number): string {
  return difference === 0 ? "to the last digit" : `within ${difference.toExponential(1)}`;
}

async function exportRun(
  { resolved }: Evaluated,
  ckptPath: string,
  args: ExportArguments,
  write: (module: LightningModule, options: ExportOptions) => Promise<Exported>,
): Promise<Exported> {
  try {
    const { module, datamodule } = instantiate({ ...resolved, loggers: [] }, {});
    const { checkpoint, close } = await loadCheckpoint(ckptPath);
    try {
      await restoreWeights(checkpoint, module, (variable, value) => {
        variable.write(value);
      });
    } finally {
      await close();
    }
    const batchSize = args.batchSize === undefined ? null : positive("--batch-size", args.batchSize);
    const given =
      args.inputShape === undefined ? await firstBatch(datamodule) : shaped(args.inputShape, args.inputDtype);
    return await write(module, {
      example: given,
      batchSize,
      ...(args.inputNames === undefined ? {} : { inputNames: args.inputNames.split(",") }),
      ...(args.outputNames === undefined ? {} : { outputNames: args.outputNames.split(",") }),
    });
  } catch (error) {
    throw userFailure(error, [resolved.model.config.class_path, resolved.data.config.class_path]);
  }
}

/** A batch of the run's own data, which says what the model takes. */
async function firstBatch(datamodule: LightningDataModule): Promise<Batch> {
  await datamodule.prepareData?.();
  for (const [stage, loaderOf] of [
    ["predict", () => datamodule.predictDataloader?.()],
    ["fit", () => datamodule.valDataloader?.()],
    ["fit", () => datamodule.trainDataloader()],
  ] as const) {
    await datamodule.setup?.(stage);
    const loader = await loaderOf();
    if (loader === null || loader === undefined) continue;
    const batches = loader.iterate();
    try {
      const next = await batches.next();
      if (next.done !== true) return next.value;
    } finally {
      await batches.return();
      await loader.close();
      await datamodule.teardown?.(stage);
    }
  }
  throw new LtrainError("data.missing", `${datamodule.constructor.name} has no batches to tell what the model takes`, {
    hint: "say it: --input-shape 784 (without the batch), and --input-dtype int64 where they are no float32",
  });
}

/** Two zeros of a shape: the model's input where no data says what it is. */
function shaped(text: string, dtype: string | undefined): Batch {
  const shape = text === "" ? [] : text.split(/[,x ]+/).map((size) => positive("--input-shape", size));
  return zerosTensor(oneOf("--input-dtype", dtype ?? "float32", INPUT_DTYPES), [2, ...shape]);
}

function positive(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new LtrainError("usage.invalid", `${option} takes whole numbers from 1, and got "${text}"`);
}

function oneOf<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((each) => each === text);
  if (found !== undefined) return found;
  throw new LtrainError("usage.invalid", `${option} is ${known.join(" or ")}, and got "${text}"`);
}
