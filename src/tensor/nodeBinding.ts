import type { Tensor } from "@tensorflow/tfjs-core";

/** What the addon's tensors hold on the host. */
export type BindingArray = Float32Array | Int32Array | Uint8Array;

/** An attribute of a TensorFlow op, as tfjs-node spells it: `type` is TF_AttrType of TensorFlow's C API. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** A tensor of TensorFlow, by its number in the addon; `dtype` is TF_DataType. */
export interface OpResult {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

/** The native addon of tfjs-node: raw ops, and sessions over SavedModels. */
export interface NodeBinding {
  /** The values are not copied: they must not change while TensorFlow uses them. */
  createTensor(shape: readonly number[], dtype: number, values: BindingArray): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): BindingArray;
  executeOp(name: string, attributes: readonly OpAttribute[], inputs: readonly number[], outputs: number): OpResult[];
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  /** Names are `node:index`, joined by commas. */
  runSavedModel(id: number, inputs: readonly number[], inputNames: string, outputNames: string): OpResult[];
}

/** tfjs-node's backend, as far as we use it. */
export interface NodeBackend {
  readonly isUsingGpuDevice: boolean;
  /** Where every op of the backend goes. */
  binding: NodeBinding;
  /** The numbers of tensors in the addon; what was on the host only is handed over first. */
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  /** Run an op that has one result. */
  executeSingleOutput(op: string, attributes: readonly OpAttribute[], inputs: readonly Tensor[]): Tensor;
}
