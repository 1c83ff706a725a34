import { numelOf } from "../storage/hostTensor.js";
import type { Attributes, ConstantData, ElementType, Node, TensorSpec, Value } from "./graph.js";
import { ints } from "./graph.js";

/** Collects nodes in order. Capture writes a graph with it, and passes write the graph that follows. */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  /** The tfjs kernel whose lowering is being written. */
  origin = "";
  readonly #producers = new Map<Value, Node>();

  /** The node that gives a value; undefined for inputs and constants. */
  producer(value: Value | null | undefined): Node | undefined {
    return value === null || value === undefined ? undefined : this.#producers.get(value);
  }

  /** A value that comes from outside. */
  input(spec: TensorSpec): Value {
    return { dtype: spec.dtype, shape: spec.shape, constant: null };
  }

  /** Append a node that is complete. */
  push(node: Node): void {
    this.nodes.push(node);
    for (const value of node.outputs) this.#producers.set(value, node);
  }

  /** Append an operator with one result. */
  emit(
    op: string,
    inputs: readonly (Value | null)[],
    spec: TensorSpec,
    attributes: Attributes = {},
    domain: Node["domain"] = "",
  ): Value {
    const output: Value = { dtype: spec.dtype, shape: spec.shape, constant: null };
    this.push({ op, domain, inputs, outputs: [output], attributes, origin: this.origin });
    return output;
  }

  /** Append an operator with several results. */
  emitMany(
    op: string,
    inputs: readonly (Value | null)[],
    specs: readonly TensorSpec[],
    attributes: Attributes = {},
  ): Value[] {
    const outputs = specs.map(({ dtype, shape }): Value => ({ dtype, shape, constant: null }));
    this.push({ op, domain: "", inputs, outputs, attributes, origin: this.origin });
    return outputs;
  }

  /**
   * A constant. Where all elements are the same, it is one element, expanded: passes see through the expansion, and
   * a graph need not carry a million ones.
   */
  constant(dtype: ElementType, shape: readonly number[], data: ConstantData): Value {
    const first = data[0];
    const uniform = numelOf(shape) > 1 && data.every((element: number | bigint) => Object.is(element, first));
    if (!uniform) return { dtype, shape, constant: data };
    return this.expand({ dtype, shape: [], constant: data.slice(0, 1) }, shape);
  }

  /** A 0-dim constant. */
  scalar(value: number, dtype: ElementType = "float32"): Value {
    return { dtype, shape: [], constant: constantOf(dtype, [value]) };
  }

  /** A 1-dim int64 constant: a shape, axes, starts. */
  ints(values: readonly number[]): Value {
    return { dtype: "int64", shape: [values.length], constant: constantOf("int64", values) };
  }

  /** Broadcast to a larger shape. */
  expand(x: Value, shape: readonly number[]): Value {
    return this.emit("Expand", [x, this.ints(shape)], { dtype: x.dtype, shape });
  }

  /** The same elements in another shape. */
  reshape(x: Value, shape: readonly number[]): Value {
    // A zero would mean "as in the input"; allowzero lets it mean zero.
    const attributes: Attributes = shape.includes(0) ? { allowzero: { kind: "int", value: 1 } } : {};
    return this.emit("Reshape", [x, this.ints(shape)], { dtype: x.dtype, shape }, attributes);
  }

  /** Axes in another order. */
  transpose(x: Value, perm: readonly number[]): Value {
    const shape = perm.map((axis) => x.shape[axis] ?? 0);
    return this.emit("Transpose", [x], { dtype: x.dtype, shape }, { perm: ints(perm) });
  }

  /** The same numbers in another type, as C would convert them. */
  cast(x: Value, dtype: ElementType): Value {
    if (x.dtype === dtype) return x;
    return this.emit("Cast", [x], { dtype, shape: x.shape }, { to: { kind: "int", value: ONNX_TYPES[dtype] } });
  }
}

/** TensorProto.DataType of each element type. */
export const ONNX_TYPES = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
} as const satisfies Record<ElementType, number>;

/** Numbers as the elements of a constant. */
export function constantOf(dtype: ElementType, values: readonly number[]): ConstantData {
  switch (dtype) {
    case "float32":
      return Float32Array.from(values);
    case "int32":
      return Int32Array.from(values);
    case "int64":
      return BigInt64Array.from(values, BigInt);
    case "bool":
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
    case "float16":
    case "bfloat16":
      throw new TypeError(`no constants of ${dtype}: they are cast inside the graph`);
    default:
      dtype satisfies never;
      throw new TypeError("unreachable");
  }
}
