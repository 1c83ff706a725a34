import { LtrainError } from "../../errors.js";
import type { ExportedGraph, ExportedPorts, ExportParts } from "../exportGraph.js";
import { exportGraph } from "../exportGraph.js";
import type { Graph, Node, Value } from "../graph.js";
import { channelsLast } from "./channelsLast.js";
import { graphJson, shapeJson, typeName, weightsOf } from "./graphJson.js";
import { GraphWriter, typeOf } from "./graphWriter.js";
import { OPERATORS } from "./operators.js";
import { WINDOW_OPERATORS } from "./windowOperators.js";

/** A TensorFlow.js graph model: the files of its folder, model.json and the weights. */
export interface GraphModelExport extends ExportedPorts {
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Browsers cache files up to this size; tensorflowjs_converter cuts weights at it too. */
const SHARD_BYTES = 4 * 1024 * 1024;

/** A step as a TensorFlow.js graph model, which tf.loadGraphModel loads: weights are constants in files of 4 MB. */
export async function exportGraphModel(parts: ExportParts): Promise<GraphModelExport> {
  const exported = await exportGraph(parts);
  const { inputNames, outputNames } = exported;
  const ports = (list: ExportedPorts["inputs"]): ExportedPorts["inputs"] =>
    list.map((port) => (port.dtype === "int64" ? { ...port, dtype: "int32" } : port));
  return {
    files: graphModelFiles(exported),
    inputs: ports(exported.inputs),
    outputs: ports(exported.outputs),
    inputNames,
    outputNames,
  };
}

/** An exported graph as the files of a graph model. */
export function graphModelFiles(
  exported: Pick<ExportedGraph, "graph" | "constantNames" | "batchAxes">,
): ReadonlyMap<string, Uint8Array> {
  const names = new Map(exported.constantNames);
  const graph = channelsLast(exported.graph, (from, to) => {
    const name = names.get(from);
    if (name !== undefined) names.set(to, name);
  });
  const { inputs, outputs } = graph;
  const taken = new Set(names.values());
  const called = (kind: string, list: Graph["inputs"]): readonly string[] =>
    list.map(({ name }) => free(nodeName(name), kind, taken));
  const [inputNodes, outputNodes] = [called("input", inputs), called("output", outputs)];
  const writer = new GraphWriter(names, [...inputNodes, ...outputNodes]);
  const shapeOf = (port: string, shape: readonly number[]): readonly number[] =>
    shape.map((size, axis) => (exported.batchAxes.get(port)?.includes(axis) === true ? -1 : size));
  inputs.forEach(({ name, value }, i) => {
    const shape = { kind: "shape", value: shapeOf(name, value.shape) } as const;
    writer.give(value, writer.emit("Placeholder", [], { dtype: typeOf(value), shape }, inputNodes[i]));
  });
  for (const node of graph.nodes) writeNode(writer, node);
  outputs.forEach(({ value }, i) => {
    writer.emit("Identity", [writer.nameOf(value)], { T: typeOf(value) }, outputNodes[i]);
  });
  const signature = (list: typeof inputs, nodes: readonly string[]): object =>
    Object.fromEntries(
      list.map(({ name, value }, i) => [
        name,
        {
          name: `${nodes[i] ?? name}:0`,
          dtype: typeName(typeOf(value).value),
          tensorShape: shapeJson(shapeOf(name, value.shape)),
        },
      ]),
    );
  const weights = weightsOf(writer.nodes);
  const shards = shardsOf(weights.map(({ bytes }) => bytes));
  const paths = shards.map((_, i) => `group1-shard${i + 1}of${shards.length}.bin`);
  const model = {
    format: "graph-model",
    generatedBy: "ltrain",
    convertedBy: "ltrain export --format tfjs",
    signature: { inputs: signature(inputs, inputNodes), outputs: signature(outputs, outputNodes) },
    modelTopology: graphJson(writer.nodes),
    weightsManifest: [{ paths, weights: weights.map(({ entry }) => entry) }],
    // Several outputs come by name from predict(), one alone as it is.
    ...(outputs.length > 1 && {
      userDefinedMetadata: { structuredOutputKeys: outputs.map(({ name }) => name) },
    }),
  };
  return new Map([
    ["model.json", new TextEncoder().encode(JSON.stringify(model))],
    ...shards.map((bytes, i): [string, Uint8Array] => [paths[i] ?? "", bytes]),
  ]);
}

function writeNode(writer: GraphWriter, node: Node): void {
  const operator = (node.domain === "tensorflow" ? WINDOW_OPERATORS : OPERATORS)[node.op];
  if (operator === undefined || node.domain === "com.microsoft") {
    throw new LtrainError(
      "engine.unsupported",
      `the model cannot be exported to TensorFlow.js, which has no kernel for ${node.op} (of ${node.origin})`,
      { hint: "export it as ONNX, which has: --format onnx" },
    );
  }
  const values = node.inputs.filter((value): value is Value => value !== null);
  const names = operator(
    writer,
    node,
    node.inputs.map((value) => (value === null ? "" : writer.nameOf(value))),
    values,
  );
  node.outputs.forEach((value, i) => {
    const name = names[i];
    if (name !== undefined) writer.give(value, name);
  });
}

/** TensorFlow's nodes have letters, digits and few signs in their names. */
function nodeName(name: string): string {
  return name.replace(/[^\w./-]/g, "_").replace(/^[^A-Za-z0-9.]/, "x$&");
}

function free(name: string, kind: string, taken: Set<string>): string {
  let found = name;
  for (let i = 1; taken.has(found); i += 1) found = `${name}_${kind}${i === 1 ? "" : i}`;
  taken.add(found);
  return found;
}

/** The bytes one after the other, cut into files. */
function shardsOf(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const total = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const all = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  const count = Math.max(1, Math.ceil(total / SHARD_BYTES));
  return Array.from({ length: count }, (_, i) => all.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES));
}
