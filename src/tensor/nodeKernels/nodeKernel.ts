import type { NamedAttrMap, Tensor } from "@tensorflow/tfjs-core";
import type { NodeBackend, OpAttribute } from "../nodeBinding.js";

/** What a kernel is called with on tfjs-node's backend. */
export interface NodeCall {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly backend: NodeBackend;
  readonly attrs: NamedAttrMap;
}

/** A kernel of our own on tfjs-node's backend, where its own does not do what tfjs asks for. */
export type NodeKernel = (call: NodeCall) => Tensor;

/** TF_AttrType of TensorFlow's C API. */
const ATTRIBUTE = { string: 0, int: 1, bool: 3, type: 4 } as const;
/** TF_DataType of TensorFlow's C API. */
const TYPES: Readonly<Record<string, number>> = { float32: 1, int32: 3, bool: 10 };

/** An attribute that names a dtype. */
export function typeAttribute(name: string, dtype: string): OpAttribute {
  return { name, type: ATTRIBUTE.type, value: TYPES[dtype] };
}

/** An attribute of another kind. */
export function attribute(
  kind: "string" | "int" | "bool",
  name: string,
  value: string | boolean | number | readonly number[],
): OpAttribute {
  return { name, type: ATTRIBUTE[kind], value };
}

/** An input that the kernel is always called with. */
export function inputOf({ inputs }: NodeCall, name: string): Tensor {
  const input = inputs[name];
  if (input === undefined) throw new Error(`the kernel was called without ${name}`);
  return input;
}
