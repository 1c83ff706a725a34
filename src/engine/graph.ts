import { numelOf } from "../storage/hostTensor.js";

/** Element types a graph computes with, in torch's words; the rest of the checkpoint's dtypes are converted outside. */
export type ElementType = "float32" | "float16" | "bfloat16" | "int32" | "int64" | "bool";

/** The elements of a constant; bool lies in bytes of 0 and 1, half precisions in their bits. */
export type ConstantData = Float32Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;

/** A dtype and a shape. */
export interface TensorSpec {
  readonly dtype: ElementType;
  readonly shape: readonly number[];
}

/** A tensor of the graph. Two values are the same when they are the same object; names come when it is written. */
export interface Value extends TensorSpec {
  /** The elements, where they are known before the graph runs. */
  readonly constant: ConstantData | null;
}

/** An attribute of an ONNX operator; the kind is said because a protobuf distinguishes 1 from 1.0. */
export type Attribute =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "ints"; readonly value: readonly number[] };

/** Attributes by name. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** One ONNX operator. An optional input that is not given is null. */
export interface Node {
  readonly op: string;
  /** "tensorflow": a convolution or pooling over NHWC, its filter HWIO, with the attributes that ONNX has for it. */
  readonly domain: "" | "com.microsoft" | "tensorflow";
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
  /** The tfjs kernel it came from. */
  readonly origin: string;
}

/** A value with a name that the world outside knows. */
export interface Port {
  readonly name: string;
  readonly value: Value;
}

/** Nodes in an order in which they can run, between named inputs and named outputs. */
export interface Graph {
  readonly inputs: readonly Port[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Port[];
}

/** An integer attribute. */
export function int(value: number): Attribute {
  return { kind: "int", value };
}

/** A float attribute. */
export function float(value: number): Attribute {
  return { kind: "float", value };
}

/** A list of integers. */
export function ints(value: readonly number[]): Attribute {
  return { kind: "ints", value };
}

/** A string attribute. */
export function text(value: string): Attribute {
  return { kind: "string", value };
}

/** The one number that a constant of one element holds. */
export function scalarConstant(value: Value | null | undefined): number | undefined {
  if (value?.constant === undefined || value.constant === null || numelOf(value.shape) !== 1) return undefined;
  if (value.dtype === "float16" || value.dtype === "bfloat16") return undefined;
  return Number(value.constant[0]);
}

/** The integers of a constant: a shape, axes, a permutation's companions. */
export function integerConstant(value: Value | null | undefined): number[] | undefined {
  if (value?.constant === undefined || value.constant === null || value.dtype === "float32") return undefined;
  return Array.from<number | bigint, number>(value.constant, Number);
}

/** Whether two shapes are equal. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Which constant names a value when it is printed: small ones as they are, large ones by their shape. */
export function printConstant(value: Value): string {
  const data = value.constant ?? [];
  if (data.length > 6) return `const<${printSpec(value)}>`;
  const list = Array.from<number | bigint, string>(data, String).join(", ");
  return value.shape.length === 0 ? list : `[${list}]`;
}

function printSpec(spec: TensorSpec): string {
  return `${spec.dtype}[${spec.shape.join(",")}]`;
}

/**
 * The graph as text, a node a line, for `--dump-graph` and for tests; `constant` writes the constants.
 */
export function printGraph(graph: Graph, constant: (value: Value) => string = printConstant): string {
  const names = new Map<Value, string>();
  const nameOf = (value: Value | null): string => {
    if (value === null) return "-";
    if (value.constant !== null) return constant(value);
    const known = names.get(value);
    if (known !== undefined) return known;
    const name = `%${names.size}`;
    names.set(value, name);
    return name;
  };
  const printAttribute = ([key, attribute]: [string, Attribute]): string =>
    `${key}=${attribute.kind === "ints" ? `[${attribute.value.join(",")}]` : String(attribute.value)}`;
  const lines = graph.inputs.map(({ name, value }) => `input  ${name}: ${nameOf(value)} ${printSpec(value)}`);
  for (const node of graph.nodes) {
    const attributes = Object.entries(node.attributes).map(printAttribute);
    const results = node.outputs.map((value) => `${nameOf(value)} ${printSpec(value)}`).join(", ");
    const given = [...node.inputs.map(nameOf), ...attributes].join(", ");
    lines.push(`${results} = ${node.op}(${given})  # ${node.origin}`);
  }
  lines.push(...graph.outputs.map(({ name, value }) => `output ${name}: ${nameOf(value)} ${printSpec(value)}`));
  return `${lines.join("\n")}\n`;
}

/** Throw where a node uses what no earlier node, input or constant gives: a mistake of ours, found early. */
export function checkGraph(graph: Graph): void {
  const known = new Set<Value>(graph.inputs.map((port) => port.value));
  const check = (value: Value | null, user: string): void => {
    if (value === null || known.has(value)) return;
    if (value.constant === null) throw new Error(`${user} uses a value that nothing has given`);
    if (value.constant.length !== numelOf(value.shape)) {
      throw new Error(`${user}: constant of ${value.constant.length} elements has shape [${value.shape.join(", ")}]`);
    }
  };
  for (const node of graph.nodes) {
    for (const value of node.inputs) check(value, node.op);
    for (const value of node.outputs) {
      if (known.has(value)) throw new Error(`${node.op} gives a value that is already given`);
      if (value.shape.some((size) => !Number.isInteger(size) || size < 0)) {
        throw new Error(`${node.op} gives a value of shape [${value.shape.join(", ")}]`);
      }
      known.add(value);
    }
  }
  for (const { name, value } of graph.outputs) check(value, `output "${name}"`);
}
