import type { HostTensor } from "../../storage/hostTensor.js";
import type { NodeBinding, OpResult } from "../../tensor/nodeBinding.js";
import { hostOf } from "../../tensor/transfer.js";
import type { StepOutputs } from "../executor.js";

/** What a session gave: tensors of TensorFlow, brought over when they are asked for. */
export class SessionOutputs implements StepOutputs {
  readonly #binding: NodeBinding;
  readonly #results: Map<string, OpResult>;

  constructor(binding: NodeBinding, results: Map<string, OpResult>) {
    this.#binding = binding;
    this.#results = results;
  }

  get names(): readonly string[] {
    return [...this.#results.keys()];
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what is wrong is told by the promise
  async scalar(name: string): Promise<number> {
    const { shape, id } = this.#find(name);
    const values = this.#binding.tensorDataSync(id);
    const [value] = values;
    if (value === undefined || values.length !== 1) {
      throw new Error(`output "${name}" is [${shape.join(", ")}], not one number`);
    }
    return value;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what is wrong is told by the promise
  async tensor(name: string): Promise<HostTensor> {
    const { shape, id } = this.#find(name);
    const values = this.#binding.tensorDataSync(id);
    const dtype = values instanceof Float32Array ? "float32" : values instanceof Int32Array ? "int32" : "bool";
    return hostOf(values, shape, dtype);
  }

  dispose(): void {
    for (const { id } of this.#results.values()) this.#binding.deleteTensor(id);
    this.#results.clear();
  }

  #find(name: string): OpResult {
    const result = this.#results.get(name);
    if (result === undefined) throw new Error(`the step gave no "${name}"; it gave ${this.names.join(", ")}`);
    return result;
  }
}
