import type * as Ort from "onnxruntime-node";
import type { HostTensor } from "../storage/hostTensor.js";
import type { ExportedPorts, ExportParts } from "./exportGraph.js";
import { exportGraph } from "./exportGraph.js";
import { computeType, fromCompute, toCompute } from "./hostValues.js";
import { onnxModel } from "./onnxModel.js";
import { loadOrt } from "./loadOrt.js";
import type { OrtModule } from "./ortDevice.js";

/** A model as ONNX Runtime, and everybody else, reads it. */
export interface OnnxExport extends ExportedPorts {
  readonly bytes: Uint8Array;
}

/** A step as an ONNX model: weights are initializers with their names in the state_dict, the batch has any size. */
export async function exportOnnx(parts: ExportParts): Promise<OnnxExport> {
  const { graph, constantNames, batchAxes, ...ports } = await exportGraph(parts);
  return { bytes: onnxModel(graph, { name: "predict", constantNames, batchAxes }), ...ports };
}

/** Run an exported model once with ONNX Runtime on the CPU: what it gives, by the model's names. */
export async function runOnnx(
  model: Uint8Array,
  inputs: Readonly<Record<string, HostTensor>>,
): Promise<Readonly<Record<string, HostTensor>>> {
  const ort = await loadOrt();
  const session = await ort.InferenceSession.create(model, { executionProviders: ["cpu"], logSeverityLevel: 3 });
  try {
    const feeds = Object.fromEntries(
      session.inputNames.map((name) => {
        const host = inputs[name];
        if (host === undefined) throw new Error(`the model wants an input "${name}"`);
        return [name, feedOf(ort, host)];
      }),
    );
    const results = (await session.run(feeds)) as Readonly<Record<string, Ort.Tensor>>;
    return Object.fromEntries(
      Object.entries(results).map(([name, { type, data, dims }]) => {
        if (type !== "float32" && type !== "int32" && type !== "bool") throw new Error(`output "${name}" is ${type}`);
        return [name, fromCompute(data as Float32Array | Int32Array | Uint8Array, type, dims)];
      }),
    );
  } finally {
    await session.release();
  }
}

function feedOf(ort: OrtModule, host: HostTensor): Ort.Tensor {
  if (host.dtype === "int64") {
    const { bytes } = host;
    const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
    const values = new BigInt64Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 8);
    return new ort.Tensor("int64", values, host.shape);
  }
  const type = computeType(host.dtype);
  return new ort.Tensor(type as "float32", toCompute(host) as Float32Array, host.shape);
}
