import type { tf } from "../../tensor/tf.js";
import type { Value } from "../graph.js";
import { int, text } from "../graph.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { fusedActivation } from "./activation.js";
import type { LoweringTable } from "./lowering.js";
import { listLowering, lowering } from "./lowering.js";
import { add, broadcastShape, range, sizeOf } from "./operators.js";

/** A matrix product over the last two axes; two matrices are a Gemm, which reads either one transposed for free. */
export function matMul(b: GraphBuilder, x: Value, y: Value, transposeX: boolean, transposeY: boolean): Value {
  const rows = sizeOf(x.shape, transposeX ? -1 : -2);
  const columns = sizeOf(y.shape, transposeY ? -2 : -1);
  if (sizeOf(x.shape, transposeX ? -2 : -1) !== sizeOf(y.shape, transposeY ? -1 : -2)) {
    const shapes = `[${x.shape.join(", ")}]${transposeX ? " transposed" : ""} and [${y.shape.join(", ")}]`;
    throw new Error(`matMul of ${shapes}${transposeY ? " transposed" : ""}: the inner sizes differ`);
  }
  if (x.shape.length === 2 && y.shape.length === 2) {
    const attributes = { transA: int(transposeX ? 1 : 0), transB: int(transposeY ? 1 : 0) };
    return b.emit("Gemm", [x, y], { dtype: x.dtype, shape: [rows, columns] }, attributes);
  }
  const left = transposeX ? swapLast(b, x) : x;
  const right = transposeY ? swapLast(b, y) : y;
  const batch = broadcastShape(x.shape.slice(0, -2), y.shape.slice(0, -2));
  return b.emit("MatMul", [left, right], { dtype: x.dtype, shape: [...batch, rows, columns] });
}

function swapLast(b: GraphBuilder, x: Value): Value {
  const rank = x.shape.length;
  return b.transpose(x, [...range(rank - 2), rank - 1, rank - 2]);
}

/** The shape an equation such as "bij,bjk->bik" gives. */
function einsumShape(equation: string, operands: readonly Value[]): number[] {
  const [left = "", right = ""] = equation.replaceAll(" ", "").split("->");
  const sizes = new Map<string, number>();
  left.split(",").forEach((term, i) => {
    Array.from(term).forEach((letter, axis) => {
      const size = sizeOf(operands[i]?.shape ?? [], axis);
      const known = sizes.get(letter);
      if (known !== undefined && known !== size && known !== 1 && size !== 1) {
        const shapes = operands.map(({ shape }) => `[${shape.join(", ")}]`).join(" and ");
        throw new Error(`einsum "${equation}" of ${shapes}: ${letter} is ${known} in one and ${size} in another`);
      }
      sizes.set(letter, Math.max(known ?? 1, size));
    });
  });
  return Array.from(right, (letter) => sizes.get(letter) ?? 1);
}

/** Matrix products. */
export const MATRIX: LoweringTable = {
  BatchMatMul: lowering<"a" | "b", tf.BatchMatMulAttrs>((builder, { a, b }, { transposeA, transposeB }) =>
    matMul(builder, a, b, transposeA, transposeB),
  ),
  _FusedMatMul: lowering<"a" | "b", tf._FusedMatMulAttrs>((builder, inputs, attributes) => {
    const { a, b } = inputs;
    const { bias, preluActivationWeights } = inputs as Partial<Record<"bias" | "preluActivationWeights", Value>>;
    const product = matMul(builder, a, b, attributes.transposeA, attributes.transposeB);
    const sum = bias === undefined ? product : add(builder, product, bias);
    return fusedActivation(builder, sum, attributes.activation, preluActivationWeights, attributes.leakyreluAlpha);
  }),
  Einsum: listLowering<tf.EinsumAttrs>((b, operands, { equation }) => {
    const [first] = operands;
    const shape = einsumShape(equation, operands);
    return b.emit("Einsum", operands, { dtype: first?.dtype ?? "float32", shape }, { equation: text(equation) });
  }),
};
