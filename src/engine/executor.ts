import type { HostTensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import type { Variable } from "../tensor/variable.js";

/**
 * A step: named tensors in, named tensors out. It reads and assigns Variables as it likes; everything else it needs
 * (batch, learning rate, random numbers) comes as an input, so that the same step can be captured as one graph.
 */
export type StepFunction = (inputs: Readonly<Record<string, Tensor>>) => Record<string, Tensor>;

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

/** The engines by name, as `--engine` takes them. */
export type EngineName = "tfjs" | "tfjs-node-gpu" | "onnxruntime";

/** Runs step functions over Variables; where the Variables live between steps is its own business. */
export interface Executor {
  readonly engine: EngineName;
  /** The device, for people: "cpu" or "NVIDIA H200". */
  readonly device: string;
  compile(step: StepFunction): CompiledStep;
  /** The value of a Variable, brought to the host. */
  read(variable: Variable): Promise<HostTensor>;
  /** Set a Variable from the host. */
  write(variable: Variable, value: HostTensor): void;
  dispose(): Promise<void>;
}
