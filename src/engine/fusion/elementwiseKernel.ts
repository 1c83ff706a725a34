import { numelOf } from "../../storage/hostTensor.js";
import type { Node, Value } from "../graph.js";
import { scalarConstant } from "../graph.js";
import { f32Bytes, leb, WASM, wasmModule } from "./wasmWriter.js";

/** Nodes of one shape that compute each element from the elements at the same place, and so run in one loop. */
export interface FusedKernel {
  /** How many elements. */
  readonly count: number;
  /** What is read element by element. */
  readonly arrays: readonly Value[];
  /** What is one number for all elements. */
  readonly scalars: readonly Value[];
  readonly nodes: readonly Node[];
  /** What is written; each may lie where one of the arrays lies. */
  readonly results: readonly Value[];
}

/** Writes the instructions of one operator, given those that put each operand on the stack. */
type Emit = (operands: readonly (readonly number[])[]) => number[];

const plain =
  (instruction: readonly number[]): Emit =>
  (operands) => [...operands.flat(), ...instruction];
const number = (value: number): number[] => [...WASM.f32Const, ...f32Bytes(value), ...WASM.f32x4Splat];
const operand = (operands: readonly (readonly number[])[], i: number): readonly number[] => operands[i] ?? [];

/** Where the two numbers are NaN, so is the result: as in ONNX Runtime and in torch. */
const OPERATORS: Readonly<Record<string, Emit>> = {
  Add: plain(WASM.f32x4Add),
  Sub: plain(WASM.f32x4Sub),
  Mul: plain(WASM.f32x4Mul),
  Div: plain(WASM.f32x4Div),
  Max: plain(WASM.f32x4Max),
  Min: plain(WASM.f32x4Min),
  Abs: plain(WASM.f32x4Abs),
  Neg: plain(WASM.f32x4Neg),
  Sqrt: plain(WASM.f32x4Sqrt),
  Ceil: plain(WASM.f32x4Ceil),
  Floor: plain(WASM.f32x4Floor),
  Reciprocal: (x) => [...number(1), ...x.flat(), ...WASM.f32x4Div],
  Relu: (x) => [...x.flat(), ...number(0), ...WASM.f32x4Max],
  Clip: (x) => [...operand(x, 0), ...operand(x, 1), ...WASM.f32x4Max, ...operand(x, 2), ...WASM.f32x4Min],
  Sign: ([x = []]) => [
    ...[...x, ...number(0), ...WASM.f32x4Gt, ...number(1), ...WASM.v128And],
    ...[...x, ...number(0), ...WASM.f32x4Lt, ...number(1), ...WASM.v128And],
    ...WASM.f32x4Sub,
  ],
  Equal: plain(WASM.f32x4Eq),
  Greater: plain(WASM.f32x4Gt),
  GreaterOrEqual: plain(WASM.f32x4Ge),
  Less: plain(WASM.f32x4Lt),
  LessOrEqual: plain(WASM.f32x4Le),
  And: plain(WASM.v128And),
  Or: plain(WASM.v128Or),
  Xor: plain(WASM.v128Xor),
  Not: plain(WASM.v128Not),
  Where: ([condition = [], x = [], y = []]) => [...x, ...y, ...condition, ...WASM.v128Bitselect],
  // A truth is all bits; as a number it is the bits of 1.
  Cast: (x) => [...x.flat(), ...number(1), ...WASM.v128And],
};

/** Comparisons are over numbers, logic over truths: what the bits of an operand mean. */
const LOGIC = new Set(["And", "Or", "Xor", "Not"]);

/** Whether a node can be part of a kernel: float32 in and out, or truths between them. */
export function isFusible(node: Node): boolean {
  const [result] = node.outputs;
  if (!Object.hasOwn(OPERATORS, node.op) || node.domain !== "" || result === undefined) return false;
  if (result.dtype !== "float32" && result.dtype !== "bool") return false;
  return node.inputs.every((value, i) => {
    if (value === null) return false;
    if (node.op === "Where" && i === 0) return value.dtype === "bool";
    if (node.op === "Cast" || LOGIC.has(node.op)) return value.dtype === "bool";
    return value.dtype === "float32";
  });
}

/**
 * The kernel as a WebAssembly module. `run` takes the number of bytes, the address of each array, of each result, and
 * each scalar; arrays are as long as a multiple of 16 bytes, and the elements past the end are computed along.
 */
export function kernelModule(kernel: FusedKernel): Uint8Array<ArrayBuffer> {
  const { arrays, scalars, nodes, results } = kernel;
  const pointers = arrays.length + results.length;
  const parameters = [
    ...new Array<"i32">(pointers + 1).fill("i32"),
    ...new Array<"f32">(scalars.length).fill("f32"),
  ] as const;
  const offset = parameters.length;
  const locals = new Map<Value, number>();
  for (const value of [...arrays, ...scalars, ...nodes.flatMap((node) => node.outputs)]) {
    if (!locals.has(value)) locals.set(value, offset + 1 + locals.size);
  }
  const get = (local: number): number[] => [...WASM.localGet, ...leb(local)];
  const set = (local: number): number[] => [...WASM.localSet, ...leb(local)];
  const localOf = (value: Value): number => {
    const local = locals.get(value);
    if (local === undefined) throw new Error("a kernel reads what nothing gives it");
    return local;
  };
  const load = (value: Value | null): number[] => {
    const constant = scalarConstant(value);
    if (constant === undefined) return value === null ? [] : get(localOf(value));
    return value?.dtype === "bool" ? [...number(constant), ...number(0), ...WASM.f32x4Ne] : number(constant);
  };
  const address = (pointer: number): number[] => [...get(1 + pointer), ...get(offset), ...WASM.i32Add];
  const aligned = [...leb(4), ...leb(0)];
  const body = [
    ...scalars.flatMap((value, i) => {
      const splat = [...get(1 + pointers + i), ...WASM.f32x4Splat];
      const truth = value.dtype === "bool" ? [...number(0), ...WASM.f32x4Ne] : [];
      return [...splat, ...truth, ...set(localOf(value))];
    }),
    ...WASM.block,
    ...WASM.loop,
    ...[...get(offset), ...get(0), ...WASM.i32GeU, ...WASM.brIf, ...leb(1)],
    ...arrays.flatMap((value, i) => [...address(i), ...WASM.v128Load, ...aligned, ...set(localOf(value))]),
    ...nodes.flatMap((node) => {
      const emit = OPERATORS[node.op];
      const [result] = node.outputs;
      if (emit === undefined || result === undefined) throw new Error(`${node.op} cannot be fused`);
      return [...emit(node.inputs.map(load)), ...set(localOf(result))];
    }),
    ...results.flatMap((value, i) => [
      ...address(arrays.length + i),
      ...get(localOf(value)),
      ...WASM.v128Store,
      ...aligned,
    ]),
    ...[...get(offset), ...WASM.i32Const, ...leb(16), ...WASM.i32Add, ...set(offset)],
    ...[...WASM.br, ...leb(0)],
    ...WASM.end,
    ...WASM.end,
  ];
  return wasmModule({ parameters, locals: ["i32", ...new Array<"v128">(locals.size).fill("v128")], body });
}

/** What tells kernels apart: two of the same signature run the same module. */
export function kernelSignature(kernel: FusedKernel): string {
  const ids = new Map<Value, number>();
  const idOf = (value: Value | null): string => {
    const constant = scalarConstant(value);
    if (constant !== undefined) return `#${constant}${Object.is(constant, -0) ? "-" : ""}`;
    if (value === null) return "-";
    const id = ids.get(value) ?? ids.size;
    ids.set(value, id);
    return `${id}${value.dtype === "bool" ? "b" : ""}${numelOf(value.shape) === 1 ? "s" : ""}`;
  };
  const list = (values: readonly (Value | null)[]): string => values.map(idOf).join(",");
  const nodes = kernel.nodes.map((node) => `${node.op}(${list(node.inputs)})${list(node.outputs)}`);
  return [list(kernel.arrays), list(kernel.scalars), ...nodes, list(kernel.results)].join(";");
}
