import type { AttributeValue, GraphNode } from "./graphDef.js";
import { PRODUCER, TF_TYPES } from "./graphDef.js";

/** A GraphDef as protobuf's JSON mapping writes it, but for the values of constants: those are in the weight files. */
export interface GraphJson {
  readonly node: readonly object[];
  readonly library: object;
  readonly versions: { readonly producer: number };
}

/** A constant, as TensorFlow.js' manifest of weights names it. */
export interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32" | "bool";
}

/** DataType's names in protobuf's JSON. */
const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TF_TYPES.float32, "DT_FLOAT"],
  [TF_TYPES.int32, "DT_INT32"],
  [TF_TYPES.int64, "DT_INT64"],
  [TF_TYPES.bool, "DT_BOOL"],
]);

const WEIGHT_TYPES: ReadonlyMap<number, WeightEntry["dtype"]> = new Map([
  [TF_TYPES.float32, "float32"],
  [TF_TYPES.int32, "int32"],
  [TF_TYPES.bool, "bool"],
]);

/** The name of a DataType. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? "DT_INVALID";
}

/** A shape; -1 is an axis of any length. */
export function shapeJson(shape: readonly number[]): object {
  return { dim: shape.map((size) => ({ size: String(size) })) };
}

/** The nodes as JSON. */
export function graphJson(nodes: readonly GraphNode[]): GraphJson {
  const node = nodes.map(({ name, op, inputs, attributes }) => ({
    name,
    op,
    ...(inputs.length === 0 ? {} : { input: inputs }),
    attr: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, valueJson(value)])),
  }));
  return { node, library: {}, versions: { producer: PRODUCER } };
}

/** The constants among the nodes, with their bytes. */
export function weightsOf(
  nodes: readonly GraphNode[],
): readonly { readonly entry: WeightEntry; readonly bytes: Uint8Array }[] {
  return nodes.flatMap(({ name, attributes: { value } }) => {
    if (value?.kind !== "tensor") return [];
    const { dtype, shape, bytes } = value;
    return [{ entry: { name, shape, dtype: WEIGHT_TYPES.get(dtype) ?? "float32" }, bytes }];
  });
}

function valueJson(attribute: AttributeValue): object {
  switch (attribute.kind) {
    case "type":
      return { type: typeName(attribute.value) };
    case "string":
      return { s: Buffer.from(attribute.value).toString("base64") };
    case "shape":
      return { shape: shapeJson(attribute.value) };
    case "tensor":
      return { tensor: { dtype: typeName(attribute.dtype), tensorShape: shapeJson(attribute.shape) } };
    case "bool":
      return typeof attribute.value === "object" ? { list: { b: attribute.value } } : { b: attribute.value };
    case "int":
      return typeof attribute.value === "object"
        ? { list: { i: attribute.value.map(String) } }
        : { i: String(attribute.value) };
    case "float":
      return typeof attribute.value === "object" ? { list: { f: attribute.value } } : { f: attribute.value };
    default:
      attribute satisfies never;
      throw new TypeError("unreachable");
  }
}
