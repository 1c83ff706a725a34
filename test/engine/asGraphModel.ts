import { captureStep, inputPort } from "../../src/engine/capture.js";
import type { StepFunction } from "../../src/engine/executor.js";
import type { Graph, TensorSpec, Value } from "../../src/engine/graph.js";
import { computeType, toCompute } from "../../src/engine/hostValues.js";
import { simplify } from "../../src/engine/passes/index.js";
import { graphModelFiles } from "../../src/engine/tensorflow/graphModel.js";
import { LtrainError } from "../../src/errors.js";
import type { HostTensor } from "../../src/storage/hostTensor.js";
import { loadGraphModel } from "../../src/tensor/graphModel.js";

/** What a step gives as a TensorFlow.js graph model; the message of the error where TensorFlow.js has no such kernel. */
export async function runAsGraphModel(
  step: StepFunction,
  inputs: Readonly<Record<string, HostTensor>>,
): Promise<Readonly<Record<string, ArrayLike<number>>> | string> {
  const specs = Object.entries(inputs).map(([name, { dtype, shape }]): [string, TensorSpec] => [
    name,
    { dtype: computeType(dtype), shape },
  ]);
  const graph: Graph = simplify(captureStep(step, Object.fromEntries(specs)).graph);
  try {
    const none = new Map<Value, string>();
    const model = await loadGraphModel(graphModelFiles({ graph, constantNames: none, batchAxes: new Map() }));
    if (model === null) throw new Error("@tensorflow/tfjs-converter is not installed");
    const used = Object.entries(inputs).flatMap(([name, host]): [string, HostTensor][] =>
      graph.inputs.some((port) => port.name === inputPort(name)) ? [[inputPort(name), host]] : [],
    );
    try {
      const results = await model.run(Object.fromEntries(used));
      return Object.fromEntries(
        Object.entries(results).map(([name, host]) => [
          name.slice("output.".length),
          toCompute(host) as ArrayLike<number>,
        ]),
      );
    } finally {
      model.dispose();
    }
  } catch (error) {
    if (error instanceof LtrainError && error.code === "engine.unsupported") return error.message;
    throw error;
  }
}
