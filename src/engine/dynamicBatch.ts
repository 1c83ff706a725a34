import { LtrainError } from "../errors.js";
import { numelOf } from "../storage/hostTensor.js";
import type { Attributes, ConstantData, Graph, Node, Port, TensorSpec, Value } from "./graph.js";
import { int, printConstant, sameShape } from "./graph.js";

/** A graph for any batch size, and the axes of its ports that are as long as the batch. */
export interface DynamicGraph {
  readonly graph: Graph;
  /** By port name: an axis that is the batch, times or plus nothing. */
  readonly batchAxes: ReadonlyMap<string, readonly number[]>;
}

/** One graph at three batch sizes: two say how everything depends on the size, the third is the proof. */
export interface GraphFamily {
  readonly sizes: readonly [number, number, number];
  readonly graphs: readonly [Graph, Graph, Graph];
}

/**
 * Join the same graph, captured at three batch sizes, to one for every size: a constant that grows with the batch (a
 * shape, a fill) is computed from the batch's own shape. engine.unsupported where something else depends on the size.
 */
export function joinBatchSizes({ sizes, graphs }: GraphFamily): DynamicGraph {
  const join = new Join(sizes, graphs);
  return { graph: join.graph(), batchAxes: join.batchAxes() };
}

type Triple<T> = readonly [T, T, T];

class Join {
  readonly #sizes: Triple<number>;
  readonly #graphs: Triple<Graph>;
  readonly #nodes: Node[] = [];
  /** What takes the place of a constant of the first graph. */
  readonly #replaced = new Map<Value, Value>();
  #batch: Value | null = null;

  constructor(sizes: Triple<number>, graphs: Triple<Graph>) {
    this.#sizes = sizes;
    this.#graphs = graphs;
  }

  graph(): Graph {
    const [first, second, third] = this.#graphs;
    if (second.nodes.length !== first.nodes.length || third.nodes.length !== first.nodes.length) {
      throw unsupported(
        `${first.nodes.length}, ${second.nodes.length} and ${third.nodes.length} operators`,
        this.#sizes,
      );
    }
    first.nodes.forEach((node, i) => {
      const [b, c] = [second.nodes[i], third.nodes[i]];
      if (b === undefined || c === undefined || !isSameOperator(node, b) || !isSameOperator(node, c)) {
        throw unsupported(`operator ${i} (${node.op} of ${node.origin})`, this.#sizes);
      }
      const inputs = node.inputs.map((value, at) =>
        this.#input(node, [value, b.inputs[at] ?? null, c.inputs[at] ?? null]),
      );
      this.#nodes.push({ ...node, inputs });
    });
    return { inputs: first.inputs, nodes: this.#nodes, outputs: first.outputs };
  }

  batchAxes(): ReadonlyMap<string, readonly number[]> {
    const [first, second] = this.#graphs;
    const ports = (graph: Graph): readonly Port[] => [...graph.inputs, ...graph.outputs];
    const others = ports(second);
    return new Map(
      ports(first).map(({ name, value }, i): [string, readonly number[]] => {
        const { shape = [] } = others[i]?.value ?? {};
        return [name, value.shape.flatMap((size, axis) => (size === shape[axis] ? [] : [axis]))];
      }),
    );
  }

  #input(node: Node, [a, b, c]: Triple<Value | null>): Value | null {
    if (a?.constant == null || b?.constant == null || c?.constant == null) return a; // nobody gives it, or a node does
    if (sameData(a, b) && sameData(a, c)) return a;
    const known = this.#replaced.get(a);
    if (known !== undefined) return known;
    const made = this.#dependent(node, [a, b, c]);
    this.#replaced.set(a, made);
    return made;
  }

  /** A constant that differs with the batch size, computed from the size. */
  #dependent(node: Node, triple: Triple<Value>): Value {
    const [a, b, c] = triple;
    const integers = triple.every(({ dtype }) => dtype === "int64" || dtype === "int32");
    if (integers && sameShape(a.shape, b.shape) && sameShape(a.shape, c.shape)) {
      return this.#linear(node, triple.map((value) => numbers(value)) as unknown as Triple<readonly number[]>, a);
    }
    const fills = triple.map(({ constant }) => new Set<number | bigint>(constant ?? []));
    const [only] = fills[0] ?? [];
    if (fills.every((fill) => fill.size === 1 && fill.has(only ?? 0))) {
      const shape = this.#linear(node, [a.shape, b.shape, c.shape], { dtype: "int64", shape: [a.shape.length] });
      const one: Value = { dtype: a.dtype, shape: [], constant: (a.constant as Float32Array).slice(0, 1) };
      return this.#emit("Expand", [one, shape], a);
    }
    throw unsupported(`the constant ${printConstant(a)} of ${node.op} (${node.origin})`, this.#sizes);
  }

  /** base + slope · batch, element by element. */
  #linear(node: Node, [a, b, c]: Triple<readonly number[]>, spec: TensorSpec): Value {
    const [m, n, o] = this.#sizes;
    const slope = a.map((value, i) => ((b[i] ?? 0) - value) / (n - m));
    const base = a.map((value, i) => value - (slope[i] ?? 0) * m);
    const fits = c.every((value, i) => value === (base[i] ?? 0) + (slope[i] ?? 0) * o);
    if (!fits || !slope.every(Number.isInteger)) {
      throw unsupported(`the numbers [${a.join(", ")}] of ${node.op} (${node.origin})`, this.#sizes);
    }
    const wide = { dtype: "int64", shape: spec.shape } as const;
    const vector = (values: readonly number[]): Value => ({ ...wide, constant: BigInt64Array.from(values, BigInt) });
    const grown = this.#emit("Mul", [this.#batchSize(spec.shape.length === 0), vector(slope)], wide);
    const sum = base.every((value) => value === 0) ? grown : this.#emit("Add", [grown, vector(base)], wide);
    return spec.dtype === "int64" ? sum : this.#emit("Cast", [sum], spec, { to: int(6) }); // TensorProto.INT32
  }

  /** How many examples the first input has, as an int64 of shape [1] or []. */
  #batchSize(isScalar: boolean): Value {
    const axes = this.batchAxes();
    const input = this.#graphs[0].inputs.find(({ name }) => axes.get(name)?.includes(0));
    if (input === undefined) throw unsupported("no input, but other sizes", this.#sizes);
    this.#batch ??= this.#emit("Shape", [input.value], { dtype: "int64", shape: [1] }, { start: int(0), end: int(1) });
    return isScalar ? this.#emit("Squeeze", [this.#batch], { dtype: "int64", shape: [] }) : this.#batch;
  }

  #emit(op: string, inputs: readonly Value[], { dtype, shape }: TensorSpec, attributes: Attributes = {}): Value {
    const output: Value = { dtype, shape, constant: null };
    this.#nodes.push({ op, domain: "", inputs, outputs: [output], attributes, origin: "batch size" });
    return output;
  }
}

function isSameOperator(a: Node, b: Node): boolean {
  const isSame = a.op === b.op && a.domain === b.domain && a.inputs.length === b.inputs.length;
  return isSame && JSON.stringify(a.attributes) === JSON.stringify(b.attributes);
}

function sameData(a: Value, b: Value): boolean {
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  const [left, right] = [a.constant, b.constant] as readonly (ConstantData | null)[];
  if (left === null || right === null || left === undefined || right === undefined) return false;
  for (let i = 0; i < numelOf(a.shape); i += 1) if (!Object.is(left[i], right[i])) return false;
  return true;
}

const numbers = (value: Value): readonly number[] => Array.from<number | bigint, number>(value.constant ?? [], Number);

function unsupported(what: string, sizes: Triple<number>): LtrainError {
  return new LtrainError(
    "engine.unsupported",
    `the model cannot be exported for every batch size: ${what} differ between batches of ${sizes.join(", ")} in a way that is not their size`,
    { hint: "export it for one size: --batch-size 1" },
  );
}
