import type { Graph, Value } from "../../../src/engine/graph.js";
import { int, printGraph } from "../../../src/engine/graph.js";
import { GraphBuilder } from "../../../src/engine/graphBuilder.js";
import { sinkBroadcasts } from "../../../src/engine/passes/broadcasts.js";
import { shareCommonSubexpressions } from "../../../src/engine/passes/commonSubexpressions.js";
import { foldConstants } from "../../../src/engine/passes/constants.js";
import { removeDeadCode } from "../../../src/engine/passes/deadCode.js";
import { fuseGemm } from "../../../src/engine/passes/gemm.js";
import { removeIdentities } from "../../../src/engine/passes/identities.js";
import { cancelTransposes } from "../../../src/engine/passes/transposes.js";

/** A graph over x [2, 3] and y [2, 3]. */
function graphOf(write: (b: GraphBuilder, x: Value, y: Value) => Value): Graph {
  const b = new GraphBuilder();
  b.origin = "test";
  const x = b.input({ dtype: "float32", shape: [2, 3] });
  const y = b.input({ dtype: "float32", shape: [2, 3] });
  const result = write(b, x, y);
  const inputs = [
    { name: "x", value: x },
    { name: "y", value: y },
  ];
  return { inputs, nodes: b.nodes, outputs: [{ name: "z", value: result }] };
}

/** The nodes of a graph, without what is dead, types and origins. */
function nodesOf(graph: Graph): string[] {
  const lines = printGraph(removeDeadCode(graph)).split("\n");
  const plain = lines.map((line) => line.replace(/ {2}#.*$/, "").replaceAll(/ \w+\[[\d,]*\](?= =|,|$)/g, ""));
  return plain.filter((line) => !line.startsWith("input"));
}

const like = (b: GraphBuilder, op: string, ...inputs: readonly [Value, ...Value[]]): Value =>
  b.emit(op, inputs, inputs[0]);

test("dead code goes, and inputs that nothing reads go with it", () => {
  const graph = removeDeadCode(
    graphOf((b, x, y) => {
      like(b, "Exp", y);
      return like(b, "Neg", x);
    }),
  );
  expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
  expect(graph.nodes.map(({ op }) => op)).toEqual(["Neg"]);
});

test("x·1 + 0, cast to its own type and reshaped there and back, is x", () => {
  const graph = graphOf((b, x) => {
    const same = b.emit("Cast", [like(b, "Add", like(b, "Mul", x, b.scalar(1)), b.scalar(0))], x, { to: int(1) });
    return b.reshape(b.reshape(same, [6]), [2, 3]);
  });
  expect(nodesOf(removeIdentities(graph))).toEqual(["output z: %0", ""]);
});

test("a neutral number that broadcasts to a larger shape is not neutral", () => {
  const graph = graphOf((b) => {
    const small = b.input({ dtype: "float32", shape: [] });
    return b.emit("Mul", [small, b.expand(b.scalar(1), [2, 3])], { dtype: "float32", shape: [2, 3] });
  });
  expect(nodesOf(removeIdentities(graph)).some((line) => line.includes("Mul"))).toBe(true);
});

test("numbers that depend on constants alone are computed, and factors of one product are joined", () => {
  const graph = graphOf((b, x) => {
    const half = like(b, "Div", b.scalar(1), b.scalar(2));
    return like(b, "Mul", like(b, "Mul", x, half), b.scalar(6));
  });
  expect(nodesOf(foldConstants(graph))[0]).toMatch(/Mul\(%0, 3\)$/);
});

test("the same node over the same operands is computed once", () => {
  const graph = graphOf((b, x, y) => like(b, "Add", like(b, "Mul", x, y), like(b, "Exp", like(b, "Mul", x, y))));
  expect(shareCommonSubexpressions(graph).nodes.map(({ op }) => op)).toEqual(["Mul", "Exp", "Add"]);
});

test("an Expand before an operator that broadcasts goes where the result stays as large", () => {
  const kept = graphOf((b, x) => like(b, "Sub", x, b.expand(b.input({ dtype: "float32", shape: [3] }), [2, 3])));
  expect(removeDeadCode(sinkBroadcasts(kept)).nodes.map(({ op }) => op)).toEqual(["Sub"]);
  const needed = graphOf((b) => like(b, "Neg", b.expand(b.input({ dtype: "float32", shape: [3] }), [2, 3])));
  expect(removeDeadCode(sinkBroadcasts(needed)).nodes.map(({ op }) => op)).toEqual(["Expand", "Neg"]);
});

test("transposes cancel, through elementwise operators too", () => {
  const graph = graphOf((b, x, y) => {
    const inner = b.emit("Add", [b.transpose(x, [1, 0]), b.transpose(y, [1, 0])], { dtype: "float32", shape: [3, 2] });
    return b.transpose(b.emit("Relu", [inner], inner), [1, 0]);
  });
  expect(removeDeadCode(cancelTransposes(graph)).nodes.map(({ op }) => op)).toEqual(["Add", "Relu"]);
});

test("a transpose that moves an axis of one only is a reshape", () => {
  const graph = graphOf((b, x) => b.transpose(b.reshape(x, [2, 3, 1]), [2, 0, 1]));
  expect(cancelTransposes(graph).nodes.map(({ op }) => op)).toEqual(["Reshape", "Reshape"]);
});

test("a matrix product takes in transposes as flags and a bias as its third operand", () => {
  const graph = graphOf((b, x, y) => {
    const bias = b.input({ dtype: "float32", shape: [2] });
    const product = b.emit("Gemm", [x, b.transpose(y, [1, 0])], { dtype: "float32", shape: [2, 2] });
    return b.emit("Add", [product, bias], product);
  });
  const nodes = removeDeadCode(fuseGemm(graph)).nodes;
  expect(nodes.map(({ op, inputs }) => [op, inputs.length])).toEqual([["Gemm", 3]]);
  expect(nodes[0]?.attributes["transB"]).toEqual(int(1));
});
