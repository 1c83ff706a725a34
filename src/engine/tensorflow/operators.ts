import type { Node, Value } from "../graph.js";
import type { AttributeValue } from "./graphDef.js";
import { INT32, typeOf, wholeNumbers, type GraphWriter } from "./graphWriter.js";

/** Writes one ONNX operator as nodes that TensorFlow.js has kernels for, and gives the names of its outputs. */
export type Operator = (
  w: GraphWriter,
  node: Node,
  inputs: readonly string[],
  values: readonly Value[],
) => readonly string[];

/** Operators by their name in ONNX. */
export type OperatorTable = Readonly<Record<string, Operator>>;

type Attributes = Readonly<Record<string, AttributeValue>>;

const truth = (value: boolean): AttributeValue => ({ kind: "bool", value });
const whole = (value: number | readonly number[]): AttributeValue => ({ kind: "int", value });

function typed([x]: readonly Value[]): AttributeValue {
  return x === undefined ? INT32 : typeOf(x);
}

/** An attribute of one whole number. */
function intOf({ attributes }: Node, name: string, missing = 0): number {
  const attribute = attributes[name];
  return attribute?.kind === "int" ? attribute.value : missing;
}

/** The same operator under TensorFlow's name. */
function same(op: string, attributes: Attributes = {}): Operator {
  return (w, _, inputs, values) => [w.emit(op, inputs, { T: typed(values), ...attributes })];
}

/** Where the type is that of the second input: the first is a condition. */
const select: Operator = (w, _, inputs, values) => [w.emit("SelectV2", inputs, { T: typed(values.slice(1)) })];

/** x / y; integers are cut off, where TensorFlow.js has a quotient that goes down only. */
const divide: Operator = (w, _, [x = "", y = ""], values) => {
  const T = typed(values);
  if (values[0]?.dtype === "float32") return [w.emit("RealDiv", [x, y], { T })];
  const down = w.emit("FloorDiv", [x, y], { T });
  const rest = w.emit("Sub", [x, w.emit("Mul", [down, y], { T })], { T });
  const zero = w.integers([0], []);
  const negative = w.emit("Less", [down, zero], { T });
  const inexact = w.emit("NotEqual", [rest, zero], { T });
  const isLow = w.emit("LogicalAnd", [negative, inexact], {});
  const one = w.emit("Cast", [isLow], { SrcT: { kind: "type", value: 10 }, DstT: T });
  return [w.emit("AddV2", [down, one], { T })];
};

const product: Operator = (w, node, [a = "", b = "", bias], values) => {
  const T = typed(values);
  const flags = { transpose_a: truth(intOf(node, "transA") === 1), transpose_b: truth(intOf(node, "transB") === 1) };
  const made = w.emit("MatMul", [a, b], { T, ...flags });
  return [bias === undefined ? made : w.emit("AddV2", [made, bias], { T })];
};

function reduction(op: string): Operator {
  return (w, node, [x = "", axes = ""], values) => [
    w.emit(op, [x, axes], { T: typed(values), Tidx: INT32, keep_dims: truth(intOf(node, "keepdims", 1) === 1) }),
  ];
}

function argument(op: string): Operator {
  return (w, node, [x = ""], values) => [
    w.emit(op, [x, w.integers([intOf(node, "axis")], [])], { T: typed(values), Tidx: INT32, output_type: INT32 }),
  ];
}

const slice: Operator = (w, node, [x = "", starts = "", ends = "", , steps = ""], values) => {
  const rank = values[0]?.shape.length ?? 0;
  const axes = wholeNumbers(node, 3) ?? [];
  const [begin, end, step] = [wholeNumbers(node, 1), wholeNumbers(node, 2), wholeNumbers(node, 4)];
  // Axes that are not named are taken whole, and so are those that end before the first place.
  let beginMask = 0;
  let endMask = 0;
  const places = Array.from({ length: rank }, (_, axis) => {
    const at = axes.indexOf(axis);
    if (at < 0) beginMask |= 1 << axis;
    const isWhole = at < 0 || ((step?.[at] ?? 1) < 0 && (end?.[at] ?? 0) < -(2 ** 31));
    if (isWhole) endMask |= 1 << axis;
    return at;
  });
  const inOrder = places.every((at, axis) => at === axis);
  const spread = (name: string, known: readonly number[] | undefined, missing: number): string => {
    if (known !== undefined) return w.integers(places.map((at) => (at < 0 ? missing : (known[at] ?? missing))));
    if (inOrder) return name;
    const picks = w.integers(places.map((at) => Math.max(at, 0)));
    return w.emit("GatherV2", [name, picks, w.integers([0], [])], {
      Tparams: INT32,
      Tindices: INT32,
      Taxis: INT32,
      batch_dims: whole(0),
    });
  };
  const bounded = end?.map((value) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value)));
  return [
    w.emit("StridedSlice", [x, spread(starts, begin, 0), spread(ends, bounded, 0), spread(steps, step, 1)], {
      T: typed(values),
      Index: INT32,
      begin_mask: whole(beginMask),
      end_mask: whole(endMask),
      ellipsis_mask: whole(0),
      new_axis_mask: whole(0),
      shrink_axis_mask: whole(0),
    }),
  ];
};

/** ONNX has all that comes before the axes first, TensorFlow each axis' two numbers together. */
const pad: Operator = (w, node, [x = "", pads = "", constant = ""], values) => {
  const known = wholeNumbers(node, 1);
  const rank = values[0]?.shape.length ?? 0;
  const paddings =
    known !== undefined
      ? w.integers(Array.from({ length: rank }, (_, axis) => [known[axis] ?? 0, known[axis + rank] ?? 0]).flat(), [
          rank,
          2,
        ])
      : w.emit(
          "Transpose",
          [w.emit("Reshape", [pads, w.integers([2, rank])], { T: INT32, Tshape: INT32 }), w.integers([1, 0])],
          {
            T: INT32,
            Tperm: INT32,
          },
        );
  return [w.emit("PadV2", [x, paddings, constant], { T: typed(values), Tpaddings: INT32 })];
};

const shape: Operator = (w, node, [x = ""], values) => {
  const all = w.emit("Shape", [x], { T: typed(values), out_type: INT32 });
  const start = intOf(node, "start");
  const end = intOf(node, "end", values[0]?.shape.length ?? 0);
  return [w.emit("Slice", [all, w.integers([start]), w.integers([end - start])], { T: INT32, Index: INT32 })];
};

const cast: Operator = (w, { outputs: [result] }, [x = ""], values) => {
  const [SrcT, DstT] = [typed(values), typed(result === undefined ? [] : [result])];
  return [w.emit("Cast", [x], { SrcT, DstT })];
};

/** Operators of which each has one, or a few, of TensorFlow's. */
export const OPERATORS: OperatorTable = {
  ...Object.fromEntries(
    [
      ...["Sub", "Mul", "Pow", "Equal", "Less", "Greater", "Identity", "Abs", "Neg", "Sign", "Sqrt", "Exp", "Log"],
      ...["Reciprocal", "Erf", "Sigmoid", "Tanh", "Elu", "Selu", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh"],
      ...["Cosh", "Asinh", "Acosh", "Atanh", "Softplus", "Ceil", "Floor", "Round", "Relu", "Softmax"],
      ...["IsInf"],
    ].map((op) => [op, same(op)]),
  ),
  Add: same("AddV2"),
  Max: same("Maximum"),
  Min: same("Minimum"),
  GreaterOrEqual: same("GreaterEqual"),
  LessOrEqual: same("LessEqual"),
  And: same("LogicalAnd"),
  Or: same("LogicalOr"),
  Not: same("LogicalNot"),
  Xor: same("NotEqual"),
  IsNaN: same("IsNan"),
  MatMul: same("BatchMatMulV2", { adj_x: truth(false), adj_y: truth(false) }),
  Clip: same("ClipByValue"),
  // Whose remainder has the divisor's sign: the lowering of tfjs' Mod corrects the other kind, and finds nothing to do.
  Mod: same("FloorMod"),
  Where: select,
  Div: divide,
  Gemm: product,
  LeakyRelu: (w, { attributes: { alpha } }, inputs, values) => [
    w.emit("LeakyRelu", inputs, {
      T: typed(values),
      alpha: { kind: "float", value: alpha?.kind === "float" ? alpha.value : 0.01 },
    }),
  ],
  Cast: cast,
  Einsum: (w, { attributes: { equation } }, inputs, values) => [
    w.emit("Einsum", inputs, {
      T: typed(values),
      N: whole(inputs.length),
      equation: { kind: "string", value: equation?.kind === "string" ? equation.value : "" },
    }),
  ],
  ReduceSum: reduction("Sum"),
  ReduceMean: reduction("Mean"),
  ReduceMax: reduction("Max"),
  ReduceMin: reduction("Min"),
  ReduceProd: reduction("Prod"),
  ArgMax: argument("ArgMax"),
  ArgMin: argument("ArgMin"),
  CumSum: (w, node, inputs, values) => [
    w.emit("Cumsum", inputs, {
      T: typed(values),
      Tidx: INT32,
      exclusive: truth(intOf(node, "exclusive") === 1),
      reverse: truth(intOf(node, "reverse") === 1),
    }),
  ],
  TopK: (w, node, [x = "", k = ""], values) => {
    const count = wholeNumbers(node, 1);
    const scalar = count === undefined ? k : w.integers(count, []);
    const name = w.emit("TopKV2", [x, scalar], { T: typed(values), sorted: truth(intOf(node, "sorted", 1) === 1) });
    return [name, `${name}:1`];
  },
  Concat: (w, node, inputs, values) => [
    w.emit("ConcatV2", [...inputs, w.integers([intOf(node, "axis")], [])], {
      T: typed(values),
      Tidx: INT32,
      N: whole(inputs.length),
    }),
  ],
  Split: (w, node, [x = "", sizes = ""], values) => {
    const name = w.emit("SplitV", [x, sizes, w.integers([intOf(node, "axis")], [])], {
      T: typed(values),
      Tlen: INT32,
      num_split: whole(node.outputs.length),
    });
    return node.outputs.map((_, i) => (i === 0 ? name : `${name}:${i}`));
  },
  Gather: (w, node, [x = "", indices = ""], values) => [
    w.emit("GatherV2", [x, indices, w.integers([intOf(node, "axis")], [])], {
      Tparams: typed(values),
      Tindices: INT32,
      Taxis: INT32,
      batch_dims: whole(0),
    }),
  ],
  ScatterND: (w, _, inputs, values) => [w.emit("TensorScatterUpdate", inputs, { T: typed(values), Tindices: INT32 })],
  Reshape: same("Reshape", { Tshape: INT32 }),
  Expand: same("BroadcastTo", { Tidx: INT32 }),
  Tile: same("Tile", { Tmultiples: INT32 }),
  Transpose: (w, { attributes: { perm } }, [x = ""], values) => [
    w.emit("Transpose", [x, w.integers(perm?.kind === "ints" ? perm.value : [])], { T: typed(values), Tperm: INT32 }),
  ],
  Squeeze: (w, { outputs: [result] }, [x = ""], values) => [
    w.emit("Reshape", [x, w.integers(result?.shape ?? [])], { T: typed(values), Tshape: INT32 }),
  ],
  Shape: shape,
  Slice: slice,
  Pad: pad,
};
