import { captureStep } from "../../src/engine/capture.js";
import type { StepFunction } from "../../src/engine/executor.js";
import { printGraph } from "../../src/engine/graph.js";
import { ortExecutor } from "../../src/engine/ortExecutor.js";
import { simplify } from "../../src/engine/passes/index.js";
import { float32Tensor, float32Values, scalarTensor } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Variable } from "../../src/tensor/variable.js";
import { randomTensor } from "./autoencoder.js";

const SPEC = { x: { dtype: "float32", shape: [2, 3] } } as const;
const over =
  (f: (x: Tensor) => Record<string, Tensor>): StepFunction =>
  (inputs) =>
    f(inputs["x"] as Tensor);
const printed = (step: StepFunction): string => printGraph(simplify(captureStep(step, SPEC).graph));

test("a graph prints its inputs, a node a line with types and origin, and its outputs", () => {
  const weight = new Variable(randomTensor([4, 3], 1));
  const text = printed(over((x) => ({ y: tf.relu(tf.matMul(x, weight.value, false, true)) })));
  expect(text).toBe(
    [
      "input  input.x: %0 float32[2,3]",
      "input  state.0: %1 float32[4,3]",
      "%2 float32[2,4] = Gemm(%0, %1, transA=0, transB=1)  # BatchMatMul",
      "%3 float32[2,4] = Relu(%2)  # Relu",
      "output output.y: %3 float32[2,4]",
      "",
    ].join("\n"),
  );
});

test("capturing leaves Variables, tfjs' backend and its tensors as they were", () => {
  const variable = new Variable(float32Tensor(Float32Array.of(1, 2), [2]));
  const value = variable.value;
  const before = tf.memory().numTensors;
  const backend = tf.getBackend();
  captureStep(() => {
    variable.assign(tf.add(variable.value, 1));
    return { twice: tf.mul(variable.value, 2) };
  }, {});
  expect(variable.value).toBe(value);
  expect([...variable.value.dataSync()]).toEqual([1, 2]);
  expect(tf.memory().numTensors).toBe(before);
  expect(tf.getBackend()).toBe(backend);
});

test.each<[string, (x: Tensor) => Tensor, RegExp]>([
  ["reading a value", (x) => tf.scalar(x.dataSync()[0] ?? 0), /reads a value \(dataSync\) at .*capture\.test\.ts:\d+/],
  [
    "drawing numbers",
    (x) => tf.mul(x, tf.randomUniform([2, 3])),
    /tf\.randomUniform inside a step, at .*capture\.test\.ts:\d+/,
  ],
  ["dropout", (x) => tf.dropout(x, 0.5), /inside a step, at .*capture\.test\.ts:\d+/],
  [
    "an op without a lowering",
    (x) => tf.image.resizeBilinear(tf.reshape<tf.Rank.R3>(x, [2, 3, 1]), [4, 4]),
    /no lowering for the op ResizeBilinear, used at .*capture\.test\.ts:\d+/,
  ],
])("%s inside a step is an error that names the op and the line", (_, f, message) => {
  expect(() =>
    captureStep(
      over((x) => ({ y: f(x) })),
      SPEC,
    ),
  ).toThrow(
    expect.objectContaining({
      code: "engine.unsupported",
      message: expect.stringMatching(message) as string,
      hint: expect.stringContaining("--engine tfjs") as string,
    }) as Error,
  );
  // And the next capture begins afresh.
  expect(printed(over((x) => ({ y: tf.neg(x) })))).toContain("Neg");
});

test("tensors made before the step and constants made in it become constants of the graph", async () => {
  const outside = tf.tensor([1, 2, 3]);
  const executor = await ortExecutor({ threads: 1 });
  const run = executor.compile(over((x) => ({ y: tf.add(tf.mul(x, outside), tf.scalar(0.5)), ones: tf.ones([2]) })));
  const outputs = await run.run({ x: float32Tensor(Float32Array.of(1, 1, 1, 2, 2, 2), [2, 3]) });
  expect([...float32Values(await outputs.tensor("y"))]).toEqual([1.5, 2.5, 3.5, 2.5, 4.5, 6.5]);
  expect([...float32Values(await outputs.tensor("ones"))]).toEqual([1, 1]);
  expect([...outside.dataSync()]).toEqual([1, 2, 3]);
  await executor.dispose();
});

test("each input shape is compiled once, and the Variables are the same for all", async () => {
  const total = new Variable(scalarTensor(0));
  const shapes: string[] = [];
  const executor = await ortExecutor({
    threads: 1,
    onCompile: ({ inputs }) => shapes.push(String(inputs["x"]?.shape)),
  });
  const run = executor.compile(
    over((x) => {
      total.assign(tf.add(total.value, tf.sum(x)));
      return { total: total.value, input: x };
    }),
  );
  const totals: number[] = [];
  for (const count of [4, 4, 2, 4]) {
    const x = float32Tensor(new Float32Array(count).fill(1), [count]);
    totals.push(await (await run.run({ x })).scalar("total"));
  }
  expect(totals).toEqual([4, 8, 10, 14]);
  expect(shapes).toEqual(["4", "2"]);
  executor.write(total, scalarTensor(100));
  expect(await (await run.run({ x: float32Tensor(Float32Array.of(1, 1), [2]) })).scalar("total")).toBe(102);
  await executor.dispose();
  expect([...float32Values(await total.read())]).toEqual([102]);
});

test("int64 labels and counters are computed in int32 and come back as int64", async () => {
  const counter = new Variable({ dtype: "int64", shape: [], bytes: new Uint8Array(BigInt64Array.of(7n).buffer) });
  const executor = await ortExecutor({ threads: 1 });
  const run = executor.compile((inputs) => {
    counter.assign(tf.add(counter.value, tf.scalar(1, "int32")));
    return { hot: tf.oneHot(inputs["label"] as tf.Tensor1D, 3, 1, 0, "float32") };
  });
  const label = { dtype: "int64", shape: [2], bytes: new Uint8Array(BigInt64Array.of(2n, 0n).buffer) } as const;
  const outputs = await run.run({ label });
  expect([...float32Values(await outputs.tensor("hot"))]).toEqual([0, 0, 1, 1, 0, 0]);
  const after = await executor.read(counter);
  expect(after.dtype).toBe("int64");
  expect(new BigInt64Array(after.bytes.slice().buffer)[0]).toBe(8n);
  await executor.dispose();
});
