import type * as Ort from "onnxruntime-node";
import { numelOf } from "../storage/hostTensor.js";
import type { HostArray } from "./hostValues.js";
import { hostArray } from "./hostValues.js";
import type { BorderType, OrtDevice, OrtModule, StateCell } from "./ortDevice.js";

/** What the CPU device may be told. */
export interface OrtCpuOptions {
  /** Threads of one operator. The same number gives the same bits; 0 lets ONNX Runtime take one per core. */
  readonly threads?: number;
  /** More of ONNX Runtime's session options, for measuring. */
  readonly session?: Ort.InferenceSession.SessionOptions;
}

/** The CPU: everything lies in typed arrays, which sessions read and write in place. */
export function ortCpu(ort: OrtModule, options: OrtCpuOptions = {}): OrtDevice {
  const tensor = (dtype: BorderType, shape: readonly number[], values: HostArray): Ort.Tensor =>
    new ort.Tensor(dtype, values, shape);
  return {
    name: "cpu",
    open: (model) =>
      ort.InferenceSession.create(model, {
        executionProviders: ["cpu"],
        intraOpNumThreads: options.threads ?? 0,
        interOpNumThreads: 1,
        executionMode: "sequential",
        graphOptimizationLevel: "all",
        // Ops on a few elements leave denormal gradients behind, which cost a hundred times a normal number.
        extra: { session: { set_denormal_as_zero: "1" } },
        ...options.session,
      }),
    cell: (dtype, shape, initial) => new HostCell((values) => tensor(dtype, shape, values), initial),
    input: tensor,
    output: (dtype, shape) => tensor(dtype, shape, hostArray(dtype, numelOf(shape))),
    download: (result) => Promise.resolve(result.data as HostArray),
    dispose: () => Promise.resolve(),
  };
}

/** Two buffers: a step reads the one and writes the other, and then they change places. */
class HostCell implements StateCell {
  readonly #values: readonly [HostArray, HostArray];
  readonly #tensors: readonly [Ort.Tensor, Ort.Tensor];
  #front: 0 | 1 = 0;

  constructor(tensor: (values: HostArray) => Ort.Tensor, initial: HostArray) {
    this.#values = [initial.slice(), initial.slice()];
    this.#tensors = [tensor(this.#values[0]), tensor(this.#values[1])];
  }

  current(): Ort.Tensor {
    return this.#tensors[this.#front];
  }

  target(): Ort.Tensor {
    return this.#tensors[this.#front === 0 ? 1 : 0];
  }

  commit(): void {
    this.#front = this.#front === 0 ? 1 : 0;
  }

  read(): Promise<HostArray> {
    return Promise.resolve(this.#values[this.#front]);
  }

  write(values: HostArray): void {
    this.#values[this.#front].set(values);
  }

  dispose(): void {
    // Typed arrays are the garbage collector's.
  }
}
