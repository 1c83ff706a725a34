import type * as Converter from "@tensorflow/tfjs-converter";
import type { HostTensor } from "../storage/hostTensor.js";
import { tf, type Tensor } from "./tf.js";
import { fromHost, toHost } from "./transfer.js";

/** A graph model that TensorFlow.js has loaded. */
export interface LoadedGraphModel {
  /** Run it once, by the names of its signature. */
  readonly run: (inputs: Readonly<Record<string, HostTensor>>) => Promise<Readonly<Record<string, HostTensor>>>;
  readonly dispose: () => void;
}

/** Load a graph model's files with @tensorflow/tfjs-converter, as tf.loadGraphModel does; null where it is not installed. */
export async function loadGraphModel(files: ReadonlyMap<string, Uint8Array>): Promise<LoadedGraphModel | null> {
  const converter = await importConverter();
  if (converter === null) return null;
  const json = JSON.parse(new TextDecoder().decode(files.get("model.json"))) as tf.io.ModelJSON;
  const shards = json.weightsManifest.flatMap(({ paths }) => paths.map((path) => files.get(path) ?? new Uint8Array(0)));
  const weights = await new Blob(shards).arrayBuffer();
  const model = converter.loadGraphModelSync([json, weights]);
  const names = Object.keys((json.signature as { readonly outputs: object }).outputs);
  return {
    run: async (inputs) => {
      const tensors = Object.fromEntries(Object.entries(inputs).map(([name, host]) => [name, fromHost(host)]));
      const results: readonly Tensor[] = [model.execute(tensors, names)].flat();
      const hosts = await Promise.all(
        results.map(async (tensor) => toHost(tensor, tensor.dtype as "float32" | "int32" | "bool")),
      );
      for (const tensor of [...Object.values(tensors), ...results]) tensor.dispose();
      return Object.fromEntries(hosts.map((host, i): [string, HostTensor] => [names[i] ?? "", host]));
    },
    dispose: () => {
      model.dispose();
    },
  };
}

/** The package is the user's to install: whoever has no TensorFlow.js needs none. */
async function importConverter(): Promise<typeof Converter | null> {
  try {
    return await import("@tensorflow/tfjs-converter");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return null;
    throw error;
  }
}
