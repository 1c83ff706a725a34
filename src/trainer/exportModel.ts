import { batchSizeOf, flattenBatch } from "../core/batch.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Batch } from "../data/batch.js";
import type { StepFunction } from "../engine/executor.js";
import type { ExportedPorts, ExportParts } from "../engine/exportGraph.js";
import type { OnnxExport } from "../engine/onnxExport.js";
import { exportOnnx, runOnnx } from "../engine/onnxExport.js";
import type { GraphModelExport } from "../engine/tensorflow/graphModel.js";
import { exportGraphModel as exportGraphModelOf } from "../engine/tensorflow/graphModel.js";
import { LtrainError } from "../errors.js";
import { evalMode } from "../loops/evalMode.js";
import { canPredict, predictionStep } from "../loops/predictionLoop.js";
import { itemSize } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { float32Values, numelOf } from "../storage/hostTensor.js";
import { loadGraphModel } from "../tensor/graphModel.js";
import type { Tensor } from "../tensor/tf.js";
import { fromHost, toHost } from "../tensor/transfer.js";
import type { Variable } from "../tensor/variable.js";

/** How a module is exported. */
export interface ExportOptions {
  /** A batch of any size: its dtypes and shapes are the model's inputs. */
  readonly example: Batch;
  /** null: any batch size; a number: this one alone. */
  readonly batchSize?: number | null;
  /** What the model's inputs and outputs are called, in their order. */
  readonly inputNames?: readonly string[];
  readonly outputNames?: readonly string[];
}

/** An exported model, and how far its outputs were from the module's own. */
export interface ExportedModel extends OnnxExport {
  readonly maxAbsDifference: number;
}

/** torch.onnx's own measure of what is the same. */
const RTOL = 1e-3;
const ATOL = 1e-5;

/** An exported graph model, and how far its outputs were from the module's own: null where nobody could run it. */
export interface ExportedGraphModel extends GraphModelExport {
  readonly maxAbsDifference: number | null;
}

/** Runs an exported model, by its own names. */
type Run = (inputs: Readonly<Record<string, HostTensor>>) => Promise<Readonly<Record<string, HostTensor>>>;

/**
 * A module's predictStep (or forward) in evaluation mode as an ONNX model, run by ONNX Runtime and compared with the
 * module itself, at two batch sizes where it takes any: torch.onnx.export with dynamic_axes. A model whose outputs are
 * others is not given.
 */
export function exportModel(module: LightningModule, options: ExportOptions): Promise<ExportedModel> {
  return exportStep(module, options, async (parts, difference) => {
    const model = await exportOnnx(parts);
    return { ...model, maxAbsDifference: await difference(model, (inputs) => runOnnx(model.bytes, inputs)) };
  });
}

/**
 * The same as the files of a TensorFlow.js graph model, for tf.loadGraphModel in browsers and elsewhere; loaded and
 * compared likewise where @tensorflow/tfjs-converter is installed.
 */
export function exportGraphModel(module: LightningModule, options: ExportOptions): Promise<ExportedGraphModel> {
  return exportStep(module, options, async (parts, difference) => {
    const model = await exportGraphModelOf(parts);
    const loaded = await loadGraphModel(model.files);
    if (loaded === null) return { ...model, maxAbsDifference: null };
    try {
      return { ...model, maxAbsDifference: await difference(model, loaded.run) };
    } finally {
      loaded.dispose();
    }
  });
}

async function exportStep<Model>(
  module: LightningModule,
  options: ExportOptions,
  write: (parts: ExportParts, difference: (model: ExportedPorts, run: Run) => Promise<number>) => Promise<Model>,
): Promise<Model> {
  const name = module.constructor.name;
  if (!canPredict(module)) {
    throw new LtrainError("config.invalid", `${name} has no predictStep and no forward`, {
      hint: "export needs one of them: it is what the model will compute",
    });
  }
  const flat = flattenBatch(options.example);
  const restoreModes = evalMode(module);
  try {
    const step = predictionStep(module, flat.tree, () => undefined);
    const parts: ExportParts = {
      step,
      inputs: flat.inputs,
      batchSize: options.batchSize ?? null,
      weightNames: new Map([...module.state()].map(([key, variable]): [Variable, string] => [variable, key])),
      nameOf: (kind, names) => namesOf(kind, names, kind === "input" ? options.inputNames : options.outputNames),
    };
    const given = batchSizeOf(flat);
    const sizes = options.batchSize == null ? [given, given === 1 ? 3 : 1] : [options.batchSize];
    return await write(parts, async (model, run) => {
      let worst = 0;
      for (const size of sizes) worst = Math.max(worst, await compare(step, model, run, flat.inputs, size, name));
      return worst;
    });
  } finally {
    restoreModes();
  }
}

/** "prediction.logits" is called logits, the only one input or output, those without a name input_0 or output_0. */
function namesOf(
  kind: "input" | "output",
  names: readonly string[],
  wanted: readonly string[] | undefined,
): ReadonlyMap<string, string> {
  if (wanted !== undefined && (wanted.length !== names.length || new Set(wanted).size !== names.length)) {
    throw new LtrainError(
      "usage.invalid",
      `the model has ${names.length} ${kind}s, ${names.join(", ")}, and ${wanted.length} different names were given`,
    );
  }
  return new Map(
    names.map((name, i): [string, string] => {
      const parts = name.split(".").slice(1);
      const own =
        parts.length === 0 ? kind : /^\d+$/.test(parts[0] ?? "") ? `${kind}_${parts.join("_")}` : parts.join(".");
      return [name, wanted?.[i] ?? (names.length === 1 && own.startsWith(`${kind}_`) ? kind : own)];
    }),
  );
}

/** The largest difference between what the exported model and the module make of a batch of a size. */
async function compare(
  step: StepFunction,
  model: ExportedPorts,
  run: Run,
  inputs: Readonly<Record<string, HostTensor>>,
  size: number,
  name: string,
): Promise<number> {
  const batch = Object.fromEntries(Object.entries(inputs).map(([key, tensor]) => [key, withRows(tensor, size)]));
  const tensors = Object.fromEntries(Object.entries(batch).map(([key, tensor]) => [key, fromHost(tensor)]));
  const own: Record<string, Tensor> = step(tensors);
  const feeds = [...model.inputNames].flatMap(([key, called]) => {
    const tensor = batch[key];
    return tensor === undefined ? [] : [[called, tensor] as const];
  });
  const theirs = await run(Object.fromEntries(feeds));
  let worst = 0;
  for (const [key, called] of model.outputNames) {
    const [a, b] = [own[key], theirs[called]];
    if (a === undefined || b === undefined) throw new Error(`the model gave no ${called}`);
    const expected = valuesOf(
      await toHost(a, a.dtype === "float32" ? "float32" : a.dtype === "bool" ? "bool" : "int32"),
    );
    const got = valuesOf(b);
    if (expected.length !== got.length) throw differs(name, called, `${got.length} numbers`, `${expected.length}`);
    for (const [i, value] of expected.entries()) {
      const other = got[i] ?? Number.NaN;
      const difference = Object.is(value, other) ? 0 : Math.abs(value - other);
      if (!(difference <= ATOL + RTOL * Math.abs(value))) throw differs(name, called, String(other), String(value));
      worst = Math.max(worst, difference);
    }
  }
  for (const tensor of [...Object.values(tensors), ...Object.values(own)]) tensor.dispose();
  return worst;
}

function differs(name: string, output: string, got: string, expected: string): LtrainError {
  return new LtrainError(
    "export.differs",
    `the exported model gives ${got} as ${output} where ${name} gives ${expected}; nothing was written`,
  );
}

const valuesOf = (tensor: HostTensor): Float32Array | readonly number[] =>
  tensor.dtype === "float32" ? float32Values(tensor) : [...tensor.bytes];

/** The first `count` rows of a tensor, which begins again where it has fewer. */
function withRows(tensor: HostTensor, count: number): HostTensor {
  const [rows = 0, ...rest] = tensor.shape;
  if (tensor.shape.length === 0 || rows === count) return tensor;
  const rowBytes = numelOf(rest) * itemSize(tensor.dtype);
  const bytes = new Uint8Array(count * rowBytes);
  for (let row = 0; row < count; row += 1) {
    const from = (row % rows) * rowBytes;
    bytes.set(tensor.bytes.subarray(from, from + rowBytes), row * rowBytes);
  }
  return { dtype: tensor.dtype, shape: [count, ...rest], bytes };
}
