import { LtrainError } from "../../errors.js";
import { numelOf } from "../../storage/hostTensor.js";
import type { ConstantData, ElementType, Node, TensorSpec, Value } from "../graph.js";
import { TF_TYPES, type AttributeValue, type GraphNode } from "./graphDef.js";

/** TensorFlow.js' types: it has no int64, and its halves are float32. */
const TYPE_OF: Readonly<Partial<Record<ElementType, number>>> = {
  float32: TF_TYPES.float32,
  int32: TF_TYPES.int32,
  int64: TF_TYPES.int32,
  bool: TF_TYPES.bool,
};

/** The type attribute of a tensor. */
export function typeOf({ dtype }: Pick<TensorSpec, "dtype">): AttributeValue & { readonly kind: "type" } {
  const value = TYPE_OF[dtype];
  if (value !== undefined) return { kind: "type", value };
  throw new LtrainError("engine.unsupported", `a tensor of ${dtype} in the graph, and TensorFlow.js has no ${dtype}`, {
    hint: "export it as ONNX: --format onnx",
  });
}

/** The type attribute of shapes, axes and places. */
export const INT32: AttributeValue = { kind: "type", value: TF_TYPES.int32 };

/** Collects the nodes of a TensorFlow graph; a node goes by its name, which is unique. */
export class GraphWriter {
  readonly nodes: GraphNode[] = [];
  readonly #taken: Set<string>;
  readonly #names = new Map<Value, string>();
  readonly #integers = new Map<string, string>();
  readonly #constantNames: ReadonlyMap<Value, string>;

  /** Names of weights and ports are kept free for them. */
  constructor(constantNames: ReadonlyMap<Value, string>, reserved: readonly string[]) {
    this.#constantNames = constantNames;
    this.#taken = new Set([...reserved, ...constantNames.values()]);
  }

  /** What a value is called by the nodes that take it. */
  nameOf(value: Value): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    if (value.constant === null) throw new Error("a node uses a value that nothing has given");
    const own = this.#constantNames.get(value);
    const name = this.#constant(own ?? this.#fresh("const"), typeOf(value), value.shape, bytesOf(value.constant));
    this.#names.set(value, name);
    return name;
  }

  /** Remember under which name a value is given. */
  give(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  /** A node; its name is what its first output is called. */
  emit(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>>,
    name = this.#fresh(op),
  ): string {
    this.nodes.push({ name, op, inputs, attributes });
    return name;
  }

  /** A constant of whole numbers: a shape, axes, a permutation. */
  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    const key = `${shape.join()}:${values.join()}`;
    const known = this.#integers.get(key);
    if (known !== undefined) return known;
    const bytes = bytesOf(Int32Array.from(values));
    const name = this.#constant(this.#fresh("const"), { kind: "type", value: TF_TYPES.int32 }, shape, bytes);
    this.#integers.set(key, name);
    return name;
  }

  /** A constant of one float32. */
  float(value: number): string {
    const type = { kind: "type", value: TF_TYPES.float32 } as const;
    return this.#constant(this.#fresh("const"), type, [], bytesOf(Float32Array.of(value)));
  }

  #constant(
    name: string,
    type: AttributeValue & { readonly kind: "type" },
    shape: readonly number[],
    bytes: Uint8Array,
  ): string {
    return this.emit("Const", [], { dtype: type, value: { kind: "tensor", dtype: type.value, shape, bytes } }, name);
  }

  #fresh(stem: string): string {
    let name = stem;
    for (let i = 1; this.#taken.has(name); i += 1) name = `${stem}_${i}`;
    this.#taken.add(name);
    return name;
  }
}

/** The whole numbers of an input that is a constant. */
export function wholeNumbers(node: Node, at: number): readonly number[] | undefined {
  const value = node.inputs[at];
  if (!value?.constant || numelOf(value.shape) !== value.constant.length) return undefined;
  return Array.from<number | bigint, number>(value.constant, Number);
}

function bytesOf(data: ConstantData): Uint8Array {
  const narrow = data instanceof BigInt64Array ? Int32Array.from(data, narrowed) : data;
  return new Uint8Array(narrow.buffer, narrow.byteOffset, narrow.byteLength);
}

/** What lies beyond int32 is a bound that nothing reaches. */
function narrowed(value: bigint): number {
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Number(value)));
}
