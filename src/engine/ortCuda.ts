import type * as Ort from "onnxruntime-node";
import type { HalfType } from "../storage/float16.js";
import type { HostArray } from "./hostValues.js";
import type { BorderType, OrtDevice, OrtModule, StateCell } from "./ortDevice.js";
import { nativeHalves } from "./ortDevice.js";

/**
 * A CUDA device through ONNX Runtime's provider. Its JavaScript binding keeps tensors on a device for WebGPU only, so
 * state crosses the bus with every step: right, and slower than it could be.
 */
export function ortCuda(ort: OrtModule, name: string, halves: readonly HalfType[] = []): OrtDevice {
  return {
    name,
    halves: nativeHalves(halves),
    prepare: (graph) => ({ graph, bind: undefined }),
    open: (model) =>
      ort.InferenceSession.create(model, {
        executionProviders: ["cuda"],
        executionMode: "sequential",
        graphOptimizationLevel: "all",
      }),
    cell: (dtype, shape, initial) => new HostCell(ort, dtype, shape, initial),
    input: (dtype, shape, values) => new ort.Tensor(dtype, values, shape),
    output: () => null,
    download: (tensor) => Promise.resolve(tensor.data as HostArray),
    dispose: () => Promise.resolve(),
  };
}

/** A Variable on the host: the tensor that the last step gave. */
class HostCell implements StateCell {
  #tensor: Ort.Tensor;
  readonly #make: (values: HostArray) => Ort.Tensor;

  constructor(ort: OrtModule, dtype: BorderType, shape: readonly number[], initial: HostArray) {
    this.#make = (values) => new ort.Tensor(dtype, values.slice(), shape);
    this.#tensor = this.#make(initial);
  }

  current(): Ort.Tensor {
    return this.#tensor;
  }

  target(): null {
    return null;
  }

  commit(written: Ort.Tensor): void {
    this.#tensor = written;
  }

  read(): Promise<HostArray> {
    return Promise.resolve(this.#tensor.data as HostArray);
  }

  write(values: HostArray): void {
    this.#tensor = this.#make(values);
  }

  dispose(): void {
    // The garbage collector's.
  }
}
