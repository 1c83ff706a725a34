import type { HostTensor } from "../storage/hostTensor.js";
import { openNodeGpu } from "../tensor/nodeGpu.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { fromHost, toHost } from "../tensor/transfer.js";
import type { Variable } from "../tensor/variable.js";
import type { CompiledStep, EngineName, Executor, StepFunction, StepOutputs } from "./executor.js";

/** The engines that run a step op by op. */
export type EagerEngine = Extract<EngineName, "tfjs" | "tfjs-node-gpu">;

/** An Executor that just runs the step: plain tfjs, the reference, or TensorFlow on a CUDA device. */
export async function eagerExecutor(engine: EagerEngine): Promise<Executor> {
  const { backend, device } = engine === "tfjs" ? { backend: "cpu", device: "cpu" } : await openNodeGpu();
  await useBackend(backend);
  return new EagerExecutor(engine, backend, device);
}

class EagerExecutor implements Executor {
  readonly engine: EagerEngine;
  readonly device: string;
  readonly #backend: string;

  constructor(engine: EagerEngine, backend: string, device: string) {
    this.engine = engine;
    this.device = device;
    this.#backend = backend;
  }

  compile(step: StepFunction): CompiledStep {
    return {
      run: async (inputs) => {
        await useBackend(this.#backend);
        return new EagerOutputs(runTidy(step, inputs));
      },
    };
  }

  read(variable: Variable): Promise<HostTensor> {
    return variable.read();
  }
  write(variable: Variable, value: HostTensor): void {
    variable.write(value);
  }
  dispose(): Promise<void> {
    return Promise.resolve(); // Variables belong to whoever made them
  }
}

/** Make a backend the one in use: tfjs has one at a time for the whole process. */
export async function useBackend(backend: string): Promise<void> {
  if (tf.getBackend() === backend) return;
  await tf.setBackend(backend);
  await tf.ready();
}

/** Everything that the step made is given back, except its outputs and what it assigned to Variables. */
function runTidy(step: StepFunction, inputs: Readonly<Record<string, HostTensor>>): ReadonlyMap<string, Tensor> {
  const outputs = tf.tidy(() => {
    const tensors = Object.entries(inputs).map(([name, host]): [string, Tensor] => [name, fromHost(host)]);
    const made = Object.entries(step(Object.fromEntries(tensors)));
    // A Variable's own tensor may be an output too: the outputs get one of their own to give back.
    return made.map(([name, tensor]): [string, Tensor] => [name, tensor.kept ? tensor.clone() : tensor]);
  });
  return new Map(outputs);
}

class EagerOutputs implements StepOutputs {
  readonly #tensors: ReadonlyMap<string, Tensor>;

  constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.#tensors = tensors;
  }

  get names(): readonly string[] {
    return [...this.#tensors.keys()];
  }
  async scalar(name: string): Promise<number> {
    const tensor = this.#find(name);
    if (tensor.size !== 1) throw new Error(`output "${name}" is [${tensor.shape.join(", ")}], not one number`);
    const [value] = await tensor.data();
    return Number(value);
  }
  tensor(name: string): Promise<HostTensor> {
    const tensor = this.#find(name);
    return toHost(tensor, tensor.dtype === "int32" || tensor.dtype === "bool" ? tensor.dtype : "float32");
  }
  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
  }

  #find(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`the step gave no "${name}"; it gave ${this.names.join(", ")}`);
    return tensor;
  }
}
