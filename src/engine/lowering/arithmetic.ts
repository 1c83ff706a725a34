import type { tf } from "../../tensor/tf.js";
import type { ElementType, Value } from "../graph.js";
import { int } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { Lowering, LoweringTable } from "./lowering.js";
import { listLowering, lowering } from "./lowering.js";
import { add, binary, broadcastShape, compare, div, mul, not, sub, unary, where } from "./operators.js";

/** An operator over two tensors, which ONNX has by that name for numbers; what tfjs does with bool it does in int32. */
function arithmetic(write: (b: GraphBuilder, x: Value, y: Value) => Value): Lowering {
  return lowering<"a" | "b">((builder, { a, b }) => {
    if (a.dtype !== "bool") return write(builder, a, b);
    return builder.cast(write(builder, builder.cast(a, "int32"), builder.cast(b, "int32")), "bool");
  });
}

function comparison(op: string): Lowering {
  return lowering<"a" | "b">((builder, { a, b }) => {
    const [x, y] = a.dtype === "bool" && op !== "Equal" ? [builder.cast(a, "int32"), builder.cast(b, "int32")] : [a, b];
    return compare(builder, op, x, y);
  });
}

/** A function of real numbers: integers become float32 first, as in tfjs. */
function real(write: (b: GraphBuilder, x: Value) => Value): Lowering {
  return lowering<"x">((b, { x }) => write(b, b.cast(x, "float32")));
}

const realUnary = (op: string): Lowering => real((b, x) => unary(b, op, x));
const sameUnary = (op: string): Lowering => lowering<"x">((b, { x }) => unary(b, op, x));
/** Rounding leaves integers as they are. */
const rounding = (op: string): Lowering => lowering<"x">((b, { x }) => (x.dtype === "float32" ? unary(b, op, x) : x));

/** floor(x / y) for integers: ONNX truncates, so a quotient of opposite signs with a remainder is one too high. */
function floorDiv(b: GraphBuilder, x: Value, y: Value): Value {
  if (x.dtype === "float32") return b.cast(unary(b, "Floor", div(b, x, y)), "int32");
  const quotient = div(b, x, y);
  const remainder = sub(b, x, mul(b, quotient, y));
  const zero = b.scalar(0, x.dtype);
  const opposite = binary(b, "Xor", compare(b, "Less", remainder, zero), compare(b, "Less", y, zero), "bool");
  const inexact = not(b, compare(b, "Equal", remainder, zero));
  return sub(b, quotient, b.cast(binary(b, "And", opposite, inexact, "bool"), x.dtype));
}

/** The remainder that has the sign of the divisor. */
function mod(b: GraphBuilder, x: Value, y: Value): Value {
  if (x.dtype !== "float32") return binary(b, "Mod", x, y);
  const shape = broadcastShape(x.shape, y.shape);
  const remainder = b.emit("Mod", [x, y], { dtype: x.dtype, shape }, { fmod: int(1) });
  const zero = b.scalar(0);
  const opposite = binary(b, "Xor", compare(b, "Less", remainder, zero), compare(b, "Less", y, zero), "bool");
  const inexact = not(b, compare(b, "Equal", remainder, zero));
  return where(b, binary(b, "And", opposite, inexact, "bool"), add(b, remainder, y), remainder);
}

/** atan2 by quadrants: ONNX has none. */
function atan2(b: GraphBuilder, y: Value, x: Value): Value {
  const zero = b.scalar(0);
  const base = unary(b, "Atan", div(b, y, x));
  const turn = where(b, compare(b, "Less", y, zero), b.scalar(-Math.PI), b.scalar(Math.PI));
  const turned = where(b, compare(b, "Less", x, zero), add(b, base, turn), base);
  // 0/0 is neither: atan2(0, 0) is 0, and x = 0 elsewhere is ±π/2, which atan(±∞) gives.
  const origin = binary(b, "And", compare(b, "Equal", x, zero), compare(b, "Equal", y, zero), "bool");
  return where(b, origin, zero, turned);
}

/** exp(x) - 1 without losing the small digits: tanh(x/2)·(exp(x) + 1). */
function expm1(b: GraphBuilder, x: Value): Value {
  const half = unary(b, "Tanh", mul(b, x, b.scalar(0.5)));
  return mul(b, half, add(b, unary(b, "Exp", x), b.scalar(1)));
}

/** log(1 + x): near zero 2·atanh(x / (2 + x)), which keeps the small digits. */
function log1p(b: GraphBuilder, x: Value): Value {
  const small = mul(b, unary(b, "Atanh", div(b, x, add(b, x, b.scalar(2)))), b.scalar(2));
  const near = compare(b, "Less", unary(b, "Abs", x), b.scalar(0.5));
  return where(b, near, small, unary(b, "Log", add(b, x, b.scalar(1))));
}

function isFinite(b: GraphBuilder, x: Value): Value {
  const nan = b.emit("IsNaN", [x], { dtype: "bool", shape: x.shape });
  const infinite = b.emit("IsInf", [x], { dtype: "bool", shape: x.shape });
  return not(b, binary(b, "Or", nan, infinite, "bool"));
}

function test(op: string): Lowering {
  return lowering<"x">((b, { x }) => b.emit(op, [b.cast(x, "float32")], { dtype: "bool", shape: x.shape }));
}

/** Arithmetic, comparison, selection and the functions of one real number. */
export const ARITHMETIC: LoweringTable = {
  Add: arithmetic(add),
  Sub: arithmetic(sub),
  Multiply: arithmetic(mul),
  RealDiv: arithmetic((b, x, y) => div(b, b.cast(x, "float32"), b.cast(y, "float32"))),
  FloorDiv: arithmetic(floorDiv),
  Mod: arithmetic(mod),
  Pow: arithmetic((b, x, y) => binary(b, "Pow", x, y)),
  Maximum: arithmetic((b, x, y) => binary(b, "Max", x, y)),
  Minimum: arithmetic((b, x, y) => binary(b, "Min", x, y)),
  SquaredDifference: arithmetic((b, x, y) => {
    const difference = sub(b, x, y);
    return mul(b, difference, difference);
  }),
  Atan2: lowering<"a" | "b">((builder, { a, b }) =>
    atan2(builder, builder.cast(a, "float32"), builder.cast(b, "float32")),
  ),
  BitwiseAnd: lowering<"a" | "b">((builder, { a, b }) => binary(builder, "BitwiseAnd", a, b)),
  AddN: listLowering((b, terms) => terms.reduce((sum, term) => add(b, sum, term))),

  Equal: comparison("Equal"),
  NotEqual: lowering<"a" | "b">((builder, { a, b }) => not(builder, compare(builder, "Equal", a, b))),
  Greater: comparison("Greater"),
  GreaterEqual: comparison("GreaterOrEqual"),
  Less: comparison("Less"),
  LessEqual: comparison("LessOrEqual"),
  LogicalAnd: lowering<"a" | "b">((builder, { a, b }) => binary(builder, "And", a, b)),
  LogicalOr: lowering<"a" | "b">((builder, { a, b }) => binary(builder, "Or", a, b)),
  LogicalNot: lowering<"x">((b, { x }) => not(b, x)),
  Select: lowering<"condition" | "t" | "e">((b, { condition, t, e }) => {
    // A condition of one axis selects whole rows.
    const missing = condition.shape.length === 1 ? t.shape.length - 1 : 0;
    const rows =
      missing > 0 ? b.reshape(condition, [...condition.shape, ...new Array<number>(missing).fill(1)]) : condition;
    return where(b, rows, t, e);
  }),
  Cast: lowering<"x", tf.CastAttrs>((b, { x }, { dtype }) => b.cast(x, dtype as ElementType)),

  Abs: sameUnary("Abs"),
  Neg: sameUnary("Neg"),
  Sign: sameUnary("Sign"),
  Square: lowering<"x">((b, { x }) => mul(b, x, x)),
  Ceil: rounding("Ceil"),
  Floor: rounding("Floor"),
  Round: rounding("Round"),
  IsNan: test("IsNaN"),
  IsInf: test("IsInf"),
  IsFinite: lowering<"x">((b, { x }) => isFinite(b, b.cast(x, "float32"))),

  Exp: realUnary("Exp"),
  Expm1: real(expm1),
  Log: realUnary("Log"),
  Log1p: real(log1p),
  Sqrt: realUnary("Sqrt"),
  Rsqrt: real((b, x) => unary(b, "Reciprocal", unary(b, "Sqrt", x))),
  Reciprocal: realUnary("Reciprocal"),
  Erf: realUnary("Erf"),
  Sin: realUnary("Sin"),
  Cos: realUnary("Cos"),
  Tan: realUnary("Tan"),
  Asin: realUnary("Asin"),
  Acos: realUnary("Acos"),
  Atan: realUnary("Atan"),
  Sinh: realUnary("Sinh"),
  Cosh: realUnary("Cosh"),
  Tanh: realUnary("Tanh"),
  Asinh: realUnary("Asinh"),
  Acosh: realUnary("Acosh"),
  Atanh: realUnary("Atanh"),
};
