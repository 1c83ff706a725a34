import ort from "onnxruntime-node";
import type { Graph, Value } from "../../../src/engine/graph.js";
import { int, ints, text } from "../../../src/engine/graph.js";
import { GraphBuilder } from "../../../src/engine/graphBuilder.js";
import { onnxModel } from "../../../src/engine/onnxModel.js";
import { forWebgpu } from "../../../src/engine/webgpu/forWebgpu.js";
import { float32Values, numelOf } from "../../../src/storage/hostTensor.js";
import { randomTensor } from "../autoencoder.js";

/** A graph over float inputs. */
function graphOf(shapes: readonly (readonly number[])[], write: (b: GraphBuilder, ...x: Value[]) => Value): Graph {
  const b = new GraphBuilder();
  const inputs = shapes.map((shape, i) => ({ name: `x${i}`, value: b.input({ dtype: "float32", shape }) }));
  const result = write(b, ...inputs.map(({ value }) => value));
  return { inputs, nodes: b.nodes, outputs: [{ name: "y", value: result }] };
}

/** What a graph gives on the CPU, where every operator is right. */
async function run(graph: Graph, values?: Float32Array): Promise<number[]> {
  const session = await ort.InferenceSession.create(onnxModel(graph), { executionProviders: ["cpu"] });
  const feeds = graph.inputs.map(({ name, value }, i) => {
    const data = values ?? float32Values(randomTensor(value.shape, i + 1));
    return [name, new ort.Tensor("float32", data, value.shape)] as const;
  });
  const { y } = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Array.from(y?.data as Float32Array);
}

async function expectSame(graph: Graph): Promise<void> {
  const [expected, actual] = [await run(graph), await run(forWebgpu(graph))];
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] ?? NaN, 5);
  });
}

test("groups of several channels with one result become groups of one, whose results are added", async () => {
  const graph = graphOf(
    [
      [2, 6, 4, 4],
      [6, 1, 3, 3],
    ],
    (b, x, w) =>
      b.emit(
        "ConvTranspose",
        [x, w],
        { dtype: "float32", shape: [2, 2, 8, 8] },
        {
          group: int(2),
          strides: ints([2, 2]),
          pads: ints([1, 1, 1, 1]),
          dilations: ints([1, 1]),
          output_padding: ints([1, 1]),
        },
      ),
  );
  expect(forWebgpu(graph).nodes.map(({ op }) => op)).toEqual(["ConvTranspose", "Reshape", "ReduceSum"]);
  await expectSame(graph);
});

test.each([
  { name: "side by side", kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], size: [3, 2] },
  { name: "overlapping, over the edge", kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], size: [4, 3] },
  { name: "with gaps", kernel: [2, 1], strides: [3, 2], pads: [0, 0, 0, 0], size: [2, 3] },
])("the gradient of max pooling needs no positions: windows $name", async ({ kernel, strides, pads, size }) => {
  const [height, width] = [7, 5];
  const shape = [2, 3, ...size];
  const graph = graphOf([[2, 3, height, width], shape], (b, x, dy) => {
    const specs = [
      { dtype: "float32", shape },
      { dtype: "int64", shape },
    ] as const;
    const attributes = { kernel_shape: ints(kernel), strides: ints(strides), pads: ints(pads) };
    // Equal elements, as after a ReLU, must give to the first.
    const steps = b.emit("Round", [x], { dtype: "float32", shape: [2, 3, height, width] });
    const [, positions] = b.emitMany("MaxPool", [steps], specs, attributes);
    const flat = { dtype: "float32", shape: [6 * height * width] } as const;
    const indices = b.reshape(positions as Value, [numelOf(shape)]);
    const inputs = [b.expand(b.scalar(0), flat.shape), indices, b.reshape(dy, [numelOf(shape)])];
    return b.emit("ScatterElements", inputs, flat, { axis: int(0), reduction: text("add") });
  });
  const lowered = forWebgpu(graph).nodes;
  expect(lowered.some(({ op }) => op === "ScatterElements")).toBe(false);
  expect(lowered.every(({ op, outputs }) => op !== "MaxPool" || outputs.length === 1)).toBe(true);
  await expectSame(graph);
});

test("what cuts numbers off lets NaN through", async () => {
  const relu = graphOf([[4]], (b, x) => b.emit("Relu", [x], x));
  const clip = graphOf([[4]], (b, x) => b.emit("Clip", [x, b.scalar(-1), b.scalar(1)], x));
  const values = Float32Array.of(NaN, -2, 0.5, 3);
  expect(forWebgpu(relu).nodes.map(({ op }) => op)).toEqual(["Less", "Where"]);
  expect(await run(forWebgpu(relu), values)).toEqual([NaN, 0, 0.5, 3]);
  expect(await run(forWebgpu(clip), values)).toEqual([NaN, -1, 0.5, 1]);
});
