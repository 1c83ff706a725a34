import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import type { NamedAttrMap, TensorInfo } from "@tensorflow/tfjs-core";

/** What a kernel is called with on tfjs' CPU backend. */
export interface CpuCall {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly backend: MathBackendCPU;
  readonly attrs?: NamedAttrMap;
}

/** A kernel for the cases that matter; null leaves the others to tfjs' own. */
export type CpuKernel = (call: CpuCall) => TensorInfo | null;

/** The values of a float32 tensor, in the backend's own memory: not to be changed. */
export function float32Of(backend: MathBackendCPU, tensor: TensorInfo): Float32Array {
  return backend.data.get(tensor.dataId).values as Float32Array;
}

/** A new float32 tensor over `values`. */
export function madeOf(backend: MathBackendCPU, shape: readonly number[], values: Float32Array): TensorInfo {
  return backend.makeTensorInfo([...shape], "float32", values);
}
