import type { Graph, Value } from "../../../src/engine/graph.js";
import { printGraph } from "../../../src/engine/graph.js";
import { GraphBuilder } from "../../../src/engine/graphBuilder.js";
import { ortExecutor } from "../../../src/engine/ortExecutor.js";
import type { AutocastOptions } from "../../../src/engine/passes/autocast.js";
import { lowerPrecision } from "../../../src/engine/passes/index.js";
import type { HalfType } from "../../../src/storage/float16.js";
import { float32Tensor, float32Values } from "../../../src/storage/hostTensor.js";
import { valueAndGrads } from "../../../src/tensor/gradients.js";
import { tf } from "../../../src/tensor/tf.js";
import type { Tensor } from "../../../src/tensor/tf.js";
import { Variable } from "../../../src/tensor/variable.js";
import { fixture } from "../../precision/fixture.js";

const NATIVE: AutocastOptions = { type: "float16", support: "native" };
const EMULATED: AutocastOptions = { type: "float16", support: "emulated" };

/** The operators of a graph after autocast, one "op type" each. */
function operators(
  write: (b: GraphBuilder) => { inputs: readonly Value[]; output: Value },
  options: AutocastOptions,
): string[] {
  const b = new GraphBuilder();
  const { inputs, output } = write(b);
  const graph: Graph = {
    inputs: inputs.map((value, i) => ({ name: `input.${i}`, value })),
    nodes: b.nodes,
    outputs: [{ name: "output.y", value: output }],
  };
  const lowered = lowerPrecision(graph, options);
  expect(printGraph(lowered)).toContain("output.y");
  return lowered.nodes.map((node) => `${node.op} ${node.outputs[0]?.dtype ?? ""}`);
}

const matrix = (b: GraphBuilder, rows: number, columns: number): Value =>
  b.input({ dtype: "float32", shape: [rows, columns] });

/** relu(x·w)·v: two products with a choice between them. */
function twoProducts(b: GraphBuilder): { inputs: readonly Value[]; output: Value } {
  const inputs = [matrix(b, 2, 3), matrix(b, 3, 4), matrix(b, 4, 5)] as const;
  const [x, w, v] = inputs;
  b.origin = "BatchMatMul";
  const hidden = b.emit("Gemm", [x, w], { dtype: "float32", shape: [2, 4] });
  const active = b.emit("Relu", [hidden], hidden);
  return { inputs, output: b.emit("Gemm", [active, v], { dtype: "float32", shape: [2, 5] }) };
}

test("on a device with half kernels, what lies between two products and only chooses stays half", () => {
  expect(operators(twoProducts, NATIVE)).toEqual([
    "Cast float16",
    "Cast float16",
    "Gemm float16",
    "Relu float16",
    "Cast float16",
    "Gemm float16",
    "Cast float32",
  ]);
});

test("on a device without, operands and results are rounded, and what is rounded already is not rounded again", () => {
  const rounding = ["Cast float16", "Cast float32"];
  expect(operators(twoProducts, EMULATED)).toEqual([
    ...[...rounding, ...rounding, "Gemm float32", ...rounding], // x and w, and the product
    "Relu float32",
    ...[...rounding, "Gemm float32", ...rounding], // v, and the product
  ]);
});

test("sums, norms and the softmax between products stay float32", () => {
  const names = operators((b) => {
    const inputs = [matrix(b, 2, 3), matrix(b, 3, 4)] as const;
    const product = b.emit("Gemm", [...inputs], { dtype: "float32", shape: [2, 4] });
    const soft = b.emit("Softmax", [product], product);
    return { inputs, output: b.emit("ReduceSum", [soft, b.ints([1])], { dtype: "float32", shape: [2, 1] }) };
  }, NATIVE);
  expect(names.slice(-3)).toEqual(["Cast float32", "Softmax float32", "ReduceSum float32"]);
});

test("a sum that is written as a product by its lowering is not rounded: a lookup's gradient is exact", () => {
  const names = operators((b) => {
    const inputs = [matrix(b, 2, 3), matrix(b, 3, 4)] as const;
    b.origin = "UnsortedSegmentSum";
    return { inputs, output: b.emit("Gemm", [...inputs], { dtype: "float32", shape: [2, 4] }) };
  }, NATIVE);
  expect(names).toEqual(["Gemm float32"]);
});

/** The distance between halves near 1. */
const STEP: Readonly<Record<HalfType, number>> = { float16: 2 ** -10, bfloat16: 2 ** -7 };

test.each(["float16", "bfloat16"] as const)(
  "a linear layer under autocast to %s, forward and backward, is torch's: equal, or the next half where the sum's order decides",
  async (type) => {
    const torch = fixture("products.json") as Readonly<Record<string, number[]>>;
    const host = (name: string, shape: number[]): ReturnType<typeof float32Tensor> =>
      float32Tensor(Float32Array.from(torch[name] ?? []), shape);
    const x = new Variable(host("x", [8, 40]));
    const weight = new Variable(host("weight", [24, 40]));
    const bias = new Variable(host("bias", [24]));
    const executor = await ortExecutor({ threads: 1 });
    try {
      const step = executor.compile(
        (inputs) => {
          let y: Tensor | undefined;
          const { grads } = valueAndGrads(() => {
            y = tf.add(tf.matMul(x.value, weight.value, false, true), bias.value);
            return tf.sum(tf.mul(y, inputs["dy"] as Tensor));
          }, [x, weight]);
          return { y: y as Tensor, dx: grads[0] as Tensor, dweight: grads[1] as Tensor };
        },
        { autocast: type },
      );
      const outputs = await step.run({ dy: host("dy", [8, 24]) });
      for (const name of ["y", "dx", "dweight"]) {
        const ours = float32Values(await outputs.tensor(name));
        const theirs = torch[`${type}.${name}`] ?? [];
        expect(ours).toHaveLength(theirs.length);
        const differing = theirs.filter((value, i) => !Object.is(value, ours[i]));
        expect(differing.length).toBeLessThan(theirs.length / 50);
        const steps = theirs.map(
          (value, i) => Math.abs(value - (ours[i] ?? Number.NaN)) / Math.max(1, Math.abs(value)),
        );
        expect(Math.max(...steps)).toBeLessThanOrEqual(STEP[type]);
      }
      outputs.dispose();
    } finally {
      await executor.dispose();
    }
  },
);
