import type { HalfType } from "../storage/float16.js";
import type { Allot, HostTensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import type { Variable } from "../tensor/variable.js";
import type { Graph, TensorSpec } from "./graph.js";

/**
 * Why a step function runs over tensors without values: to be recorded, or, once that is done, to see whether it comes
 * out the same again. What a step must not depend on (the index of a batch) should be another one then.
 */
export type Recording = "first" | "again";

/**
 * A step: named tensors in, named tensors out. It reads and assigns Variables as it likes; everything else it needs
 * (batch, learning rate, random numbers) comes as an input, so that the same step can be captured as one graph.
 * `recording` is not there when the step computes.
 */
export type StepFunction = (inputs: Readonly<Record<string, Tensor>>, recording?: Recording) => Record<string, Tensor>;

/** What one run of a step gave; values are brought to the host only when they are asked for. */
export interface StepOutputs {
  readonly names: readonly string[];
  /** A 0-dim output as a number; NaN and infinities come as they are. */
  scalar(name: string): Promise<number>;
  /** Any output as bytes. */
  tensor(name: string): Promise<HostTensor>;
  /** Give the outputs back. */
  dispose(): void;
}

/** A step made ready to run; the first run with new input shapes may compile. */
export interface CompiledStep {
  run(inputs: Readonly<Record<string, HostTensor>>): Promise<StepOutputs>;
}

/** What a step may be compiled with. */
export interface CompileOptions {
  /** The half precision that matrix products and convolutions are computed in; null: all is float32. */
  readonly autocast?: HalfType | null;
}

/** A step that was compiled for new input shapes. */
export interface Compilation {
  /** What the step is called: trainingStep, validationStep. */
  readonly name: string;
  readonly inputs: Readonly<Record<string, TensorSpec>>;
  readonly graph: Graph;
  readonly milliseconds: number;
}

/** The engines by name, as `--engine` takes them. */
export type EngineName = "tfjs" | "tfjs-node-gpu" | "onnxruntime";

/** Runs step functions over Variables; where the Variables live between steps is its own business. */
export interface Executor {
  readonly engine: EngineName;
  /** The device, for people: "cpu" or "NVIDIA H200". */
  readonly device: string;
  /** The half precisions that `compile` can be told to autocast to; none where nothing is said. */
  readonly halves?: readonly HalfType[];
  compile(step: StepFunction, options?: CompileOptions): CompiledStep;
  /** Let `listener` hear of every compilation from now on; engines that compile nothing do not have it. */
  onCompile?(listener: (compilation: Compilation) => void): void;
  /** The value of a Variable, brought to the host; into memory of `allot`'s where that spares a copy. */
  read(variable: Variable, allot?: Allot): Promise<HostTensor>;
  /** Set a Variable from the host. */
  write(variable: Variable, value: HostTensor): void;
  dispose(): Promise<void>;
}
