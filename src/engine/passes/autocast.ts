import type { HalfType } from "../../storage/float16.js";
import { fromHalfBits, toHalfBits } from "../../storage/float16.js";
import type { Graph, Node, Value } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { rewrite } from "./rewrite.js";

/**
 * How a device does a half precision. "native": its kernels take and give halves. "emulated": it has float32 kernels
 * only, so what goes in and what comes out is rounded to halves, which are kept in float32.
 */
export type HalfSupport = "native" | "emulated";

/** What autocast must know. */
export interface AutocastOptions {
  readonly type: HalfType;
  readonly support: HalfSupport;
}

/** Operators that multiply and add up; a Gemm's bias goes in with its product, as in torch's linear. */
const PRODUCTS = new Set(["Gemm", "MatMul", "Conv", "ConvTranspose", "Einsum"]);
/** Kernels that are sums to whoever wrote the step, and are written as products by their lowering. */
const SUMS = new Set(["UnsortedSegmentSum"]);
/** Operators whose results are elements of their operands, sign aside: halves go in, halves come out. */
const CHOOSING = new Set([
  ...["Reshape", "Transpose", "Expand", "Slice", "Concat", "Split", "Squeeze", "Unsqueeze", "Tile", "Gather"],
  ...["GatherElements", "GatherND", "Identity", "Where", "Max", "Min", "Relu", "Neg", "Abs", "MaxPool", "ReduceMax"],
]);
/** Those of them that a device with half kernels runs in halves, so that no element is widened and narrowed again. */
const NARROWED = new Set(["Reshape", "Transpose", "Relu", "Slice", "Concat"]);

/**
 * torch.autocast over a whole step: matrix products and convolutions take and give halves, in the forward pass and in
 * the backward pass; all else stays float32, which is what a half meets in torch too wherever the two come together.
 */
export function autocast(graph: Graph, options: AutocastOptions): Graph {
  const halves = new Halves(options);
  return rewrite(graph, (node, b) => {
    const [result] = node.outputs;
    if (!PRODUCTS.has(node.op) || SUMS.has(node.origin) || result?.dtype !== "float32") return undefined;
    return [halves.product(node, result, b)];
  });
}

/** Knows which float32 values are halves already, and makes halves of the others, each once. */
class Halves {
  readonly #type: HalfType;
  readonly #support: HalfSupport;
  readonly #exact = new Map<Value, boolean>();
  readonly #narrowed = new Map<Value, Value>();

  constructor({ type, support }: AutocastOptions) {
    this.#type = type;
    this.#support = support;
  }

  product(node: Node, result: Value, b: GraphBuilder): Value {
    const inputs = node.inputs.map((value) => (value?.dtype === "float32" ? this.#narrow(value, b) : value));
    if (this.#support === "emulated") return this.#round(b.emit(node.op, inputs, result, node.attributes), b);
    const spec = { dtype: this.#type, shape: result.shape };
    return b.cast(b.emit(node.op, inputs, spec, node.attributes, node.domain), "float32");
  }

  /** A value as products take it. */
  #narrow(value: Value, b: GraphBuilder): Value {
    const known = this.#narrowed.get(value);
    if (known !== undefined) return known;
    const made = this.#support === "emulated" ? this.#rounded(value, b) : this.#half(value, b);
    this.#narrowed.set(value, made);
    return made;
  }

  #rounded(value: Value, b: GraphBuilder): Value {
    return this.#isExact(value, b) ? value : this.#round(value, b);
  }

  #round(value: Value, b: GraphBuilder): Value {
    return b.cast(b.cast(value, this.#type), "float32");
  }

  #half(value: Value, b: GraphBuilder): Value {
    const node = b.producer(value);
    const [first] = node?.inputs ?? [];
    if (node?.op === "Cast" && first?.dtype === this.#type) return first;
    if (node === undefined || !NARROWED.has(node.op) || !this.#isExact(value, b)) return b.cast(value, this.#type);
    const inputs = node.inputs.map((each) => (each?.dtype === "float32" ? this.#narrow(each, b) : each));
    return b.emit(node.op, inputs, { dtype: this.#type, shape: value.shape }, node.attributes, node.domain);
  }

  /** Whether every element is a half already, so that rounding would change nothing. */
  #isExact(value: Value, b: GraphBuilder): boolean {
    const known = this.#exact.get(value);
    if (known !== undefined) return known;
    const exact = value.constant === null ? this.#comesExact(b.producer(value), b) : this.#isHalfConstant(value);
    this.#exact.set(value, exact);
    return exact;
  }

  #comesExact(node: Node | undefined, b: GraphBuilder): boolean {
    if (node === undefined) return false;
    if (isMask(node) || (node.op === "Cast" && node.inputs[0]?.dtype === this.#type)) return true;
    const floats = node.inputs.filter((each): each is Value => each?.dtype === "float32");
    const masks = floats.filter((each) => isMask(b.producer(each)));
    // A product with a mask is the number or zero.
    if (node.op === "Mul" && masks.length === 0) return false;
    return (CHOOSING.has(node.op) || node.op === "Mul") && floats.every((each) => this.#isExact(each, b));
  }

  #isHalfConstant({ constant }: Value): boolean {
    if (!(constant instanceof Float32Array) || constant.length > 64) return false;
    return constant.every((element) => Object.is(fromHalfBits(toHalfBits(element, this.#type), this.#type), element));
  }
}

/** A truth as a number: 0 or 1. */
function isMask(node: Node | undefined): boolean {
  return node?.op === "Cast" && node.inputs[0]?.dtype === "bool";
}
