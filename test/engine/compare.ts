import { captureStep } from "../../src/engine/capture.js";
import type { TensorSpec } from "../../src/engine/graph.js";
import { computeType, toCompute } from "../../src/engine/hostValues.js";
import { useBackend } from "../../src/engine/eager.js";
import type { Executor, StepFunction } from "../../src/engine/executor.js";
import type { LoweringTable } from "../../src/engine/lowering/lowering.js";
import { ortExecutor } from "../../src/engine/ortExecutor.js";
import { tensorflowExecutor } from "../../src/engine/tensorflow/tensorflowExecutor.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { numelOf } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { runAsGraphModel } from "./asGraphModel.js";
import { numbers } from "./autoencoder.js";
import { EagerReference, tensorOf } from "./eager.js";
import { enginesHere } from "./engines.js";
import { target } from "./target.js";

/** A function of named tensors whose results, and whose derivatives by the float inputs, are compared. */
export type Formula = (inputs: Readonly<Record<string, Tensor>>) => Tensor;

/** How far the two may be apart: |a - b| ≤ absolute + relative·|b|. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** What is compared, and how closely. */
export interface Comparison {
  readonly gradients?: boolean;
  readonly tolerance?: Tolerance;
  /** False for kernels that tfjs-node does not have. */
  readonly onTensorflow?: boolean;
}

const CLOSE: Tolerance = { absolute: 2e-5, relative: 2e-5 };

/** Kernels that formulas have run so far, forward, and those whose derivatives have been taken too. */
const tried = { forward: new Set<string>(), backward: new Set<string>() };

const isTensorflowHere = (await enginesHere()).includes("tfjs-node-gpu");

/**
 * Run every formula forward, and backward where it is differentiable, in ONNX Runtime, in a TensorFlow session where
 * that is there, and in plain tfjs.
 */
export async function expectSameAsEager(
  formulas: Readonly<Record<string, Formula>>,
  inputs: Readonly<Record<string, HostTensor>>,
  { gradients = true, tolerance = CLOSE, onTensorflow = true }: Comparison = {},
): Promise<void> {
  const differentiable = new Set(
    Object.keys(formulas).filter((name) => gradients && isDifferentiable(formulas[name] as Formula, inputs)),
  );
  const step: StepFunction = (tensors) => {
    const outputs: Record<string, Tensor> = {};
    for (const [name, formula] of Object.entries(formulas)) {
      outputs[name] = formula(tensors);
      if (differentiable.has(name)) Object.assign(outputs, derivatives(name, formula, tensors));
    }
    return outputs;
  };
  await useBackend("cpu");
  for (const [name, formula] of Object.entries(formulas)) {
    const { kernelNames } = await tf.profile(() => {
      tf.tidy(() => formula(tensorsOf(inputs))).dispose();
    });
    for (const kernel of kernelNames) {
      tried.forward.add(kernel);
      if (differentiable.has(name)) tried.backward.add(kernel);
    }
  }
  const eager = (await EagerReference.of([])).run(step, inputs);
  if (target.kind === "cpu") await expectSameAsGraphModel(formulas, inputs, eager, tolerance);
  await expectSame(await ortExecutor({ target, threads: 1 }), step, inputs, eager, tolerance);
  if (!isTensorflowHere || !onTensorflow) return;
  const tensorflow = await tensorflowExecutor();
  await expectSame(tensorflow, step, inputs, eager, tolerance);
  expect(tensorflow.whyOpByOp).toBeUndefined();
}

/** What TensorFlow.js has no kernels for, by formula: `ltrain export --format tfjs` refuses it. */
export const refusedByGraphModels = new Map<string, string>();

/** So many of the inputs that a property draws are tried as a graph model too: what differs with them is few shapes. */
const GRAPH_MODEL_RUNS = 3;
const graphModelRuns = new Map<string, number>();

async function expectSameAsGraphModel(
  formulas: Readonly<Record<string, Formula>>,
  inputs: Readonly<Record<string, HostTensor>>,
  expected: Readonly<Record<string, ArrayLike<number>>>,
  tolerance: Tolerance,
): Promise<void> {
  const key = Object.keys(formulas).join();
  const run = graphModelRuns.get(key) ?? 0;
  graphModelRuns.set(key, run + 1);
  if (run >= GRAPH_MODEL_RUNS) return;
  for (const [name, formula] of Object.entries(formulas)) {
    if (refusedByGraphModels.has(name)) continue;
    const results = await runAsGraphModel((tensors) => ({ [name]: formula(tensors) }), inputs);
    if (typeof results === "string") refusedByGraphModels.set(name, results);
    else expectClose(`${name} as a graph model`, results[name] ?? [], expected[name] ?? [], tolerance);
  }
}

/** Expect that every kernel of a table has been compared by now, and its derivative where it has one. */
export function expectAllTried(table: LoweringTable): void {
  const kernels = Object.keys(table);
  expect(kernels.filter((kernel) => !tried.forward.has(kernel))).toEqual([]);
  const gradientOf = tf.getGradient as (kernel: string) => tf.GradConfig | undefined;
  const derivatives = kernels.filter((kernel) => gradientOf(kernel) !== undefined);
  expect(derivatives.filter((kernel) => !tried.backward.has(kernel))).toEqual([]);
}

function tensorsOf(inputs: Readonly<Record<string, HostTensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(inputs).map(([name, host]) => [name, tensorOf(host)]));
}

async function expectSame(
  executor: Executor,
  step: StepFunction,
  inputs: Readonly<Record<string, HostTensor>>,
  expected: Readonly<Record<string, ArrayLike<number>>>,
  tolerance: Tolerance,
): Promise<void> {
  try {
    const outputs = await executor.compile(step).run(inputs);
    for (const [name, values] of Object.entries(expected)) {
      const actual = await outputs.tensor(name);
      expectClose(`${name} on ${executor.engine}`, toCompute(actual), values, tolerance);
    }
    expect(outputs.names).toEqual(Object.keys(expected));
    outputs.dispose();
  } finally {
    await executor.dispose();
  }
}

/** Whether there is a derivative for every op of a formula: the engine runs what there is. */
function isDifferentiable(formula: Formula, inputs: Readonly<Record<string, HostTensor>>): boolean {
  try {
    const hosts = Object.entries(inputs).map(([name, host]) => [
      name,
      { dtype: computeType(host.dtype), shape: host.shape },
    ]);
    captureStep(
      (tensors) => derivatives("", formula, tensors),
      Object.fromEntries(hosts) as Record<string, TensorSpec>,
    );
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.includes("gradient function not found")) return false;
    throw error;
  }
}

/** The gradient of the results' weighted sum by each float input, as `name' input`. */
function derivatives(
  name: string,
  formula: Formula,
  tensors: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  const leaves = Object.entries(tensors).filter(([, tensor]) => tensor.dtype === "float32");
  const { grads } = tf.engine().gradients(
    () => {
      const result = tf.cast(formula(tensors), "float32");
      const next = numbers(7);
      const weights = tf.tensor(Float32Array.from({ length: result.size }, next), result.shape);
      return tf.sum(tf.mul(result, weights));
    },
    leaves.map(([, tensor]) => tensor),
    undefined,
    true,
  );
  return Object.fromEntries(
    leaves.flatMap(([input], i) => {
      const gradient = (grads as (Tensor | null | undefined)[])[i];
      return gradient ? [[`${name}' ${input}`, gradient]] : [];
    }),
  );
}

function expectClose(
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { absolute, relative }: Tolerance,
): void {
  const wrong: string[] = [];
  for (let i = 0; i < expected.length; i += 1) {
    const [a = NaN, b = NaN] = [actual[i], expected[i]];
    if (Object.is(a, b) || a === b || Math.abs(a - b) <= absolute + relative * Math.abs(b)) continue;
    wrong.push(`[${i}] ${a} instead of ${b}`);
  }
  if (wrong.length > 0 || actual.length !== expected.length) {
    throw new Error(`${name} (${actual.length} of ${expected.length}): ${wrong.slice(0, 5).join(", ")}`);
  }
}

/** float32 in [low, high), the same for the same seed. */
export function floats(shape: readonly number[], seed: number, low = -2, high = 2): HostTensor {
  const next = numbers(seed);
  const values = Float32Array.from({ length: numelOf(shape) }, () => low + ((next() + 1) / 2) * (high - low));
  return { dtype: "float32", shape, bytes: new Uint8Array(values.buffer) };
}

/** int32 in [low, high). */
export function integers(shape: readonly number[], seed: number, low: number, high: number): HostTensor {
  const next = numbers(seed);
  const values = Int32Array.from({ length: numelOf(shape) }, () => Math.floor(low + ((next() + 1) / 2) * (high - low)));
  return { dtype: "int32", shape, bytes: new Uint8Array(values.buffer) };
}

/** Zeros and ones. */
export function booleans(shape: readonly number[], seed: number): HostTensor {
  const { bytes } = integers(shape, seed, 0, 2);
  return { dtype: "bool", shape, bytes: Uint8Array.from(new Int32Array(bytes.buffer)) };
}
