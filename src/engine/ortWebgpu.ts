import type * as Ort from "onnxruntime-node";
import type { HalfType } from "../storage/float16.js";
import type { TensorSpec } from "./graph.js";
import { GraphBuilder } from "./graphBuilder.js";
import type { HostArray } from "./hostValues.js";
import { onnxModel } from "./onnxModel.js";
import type { BorderType, OrtDevice, OrtModule, StateCell } from "./ortDevice.js";
import { nativeHalves } from "./ortDevice.js";
import { forWebgpu } from "./webgpu/forWebgpu.js";

/** Where tensors lie, in onnxruntime's words. */
type Side = "cpu" | "gpu-buffer";

/** A node that runs on the CPU is worth a warning to onnxruntime; docs/engine.md tells which do. */
const LOG_ERRORS = 3;

/** What finished steps held is given back when the host waits for the device: without it memory grows with each step. */
const STEPS_AHEAD = 16;

/** A device of WebGPU's: state stays in its memory from step to step, and outputs do until they are read. */
export function ortWebgpu(ort: OrtModule, name: string, halves: readonly HalfType[] = []): OrtDevice {
  const border = new Border(ort);
  let ahead = 0;
  return {
    name,
    halves: nativeHalves(halves),
    prepare: (graph) => ({ graph: forWebgpu(graph), bind: undefined }),
    open: (model) => openSession(ort, model, "gpu-buffer"),
    cell: (dtype, shape, initial) => new GpuCell(border, dtype, shape, initial),
    // The session uploads it; the copy is made before run() returns, so the caller's array may change after that.
    input: (dtype, shape, values) => new ort.Tensor(dtype, values, shape),
    output: () => null,
    pace: async () => {
      ahead += 1;
      if (ahead < STEPS_AHEAD) return;
      ahead = 0;
      await border.wait();
    },
    download: (tensor) => border.download(tensor),
    dispose: () => border.dispose(),
  };
}

/**
 * The way between host and device. onnxruntime-node aborts the process when a tensor on a device is asked for its
 * data, so each way is a session whose model is one Identity: its input comes from one side, its output is on the other.
 */
class Border {
  readonly ort: OrtModule;
  readonly #sessions = new Map<string, Promise<Ort.InferenceSession>>();

  constructor(ort: OrtModule) {
    this.ort = ort;
  }

  async download(tensor: Ort.Tensor): Promise<HostArray> {
    const there = tensor.location === "cpu" ? tensor : await this.#cross(tensor, "cpu");
    return there.data as HostArray;
  }

  upload(tensor: Ort.Tensor): Promise<Ort.Tensor> {
    return this.#cross(tensor, "gpu-buffer");
  }

  /** All that was asked of the device so far is done: a number that crosses over and back comes after it. */
  async wait(): Promise<void> {
    await this.#cross(new this.ort.Tensor("float32", new Float32Array(1), [1]), "cpu");
  }

  async dispose(): Promise<void> {
    const sessions = await Promise.all(this.#sessions.values());
    this.#sessions.clear();
    await Promise.all(sessions.map((session) => session.release()));
  }

  async #cross(tensor: Ort.Tensor, to: Side): Promise<Ort.Tensor> {
    const session = await this.#session(tensor.type as BorderType, tensor.dims, to);
    const { y } = await session.run({ x: tensor });
    if (y === undefined) throw new Error("the session gave nothing");
    return y;
  }

  #session(dtype: BorderType, shape: readonly number[], to: Side): Promise<Ort.InferenceSession> {
    const key = `${dtype}[${shape.join(",")}] to ${to}`;
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const made = openSession(this.ort, identityModel({ dtype, shape }), to);
    this.#sessions.set(key, made);
    return made;
  }
}

function openSession(ort: OrtModule, model: Uint8Array, outputs: Side): Promise<Ort.InferenceSession> {
  return ort.InferenceSession.create(model, {
    executionProviders: ["webgpu"],
    preferredOutputLocation: outputs,
    // What the provider has no kernel for runs on the CPU: shapes and indices, small things.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: LOG_ERRORS,
  });
}

/** `y = Identity(x)`. */
function identityModel(spec: TensorSpec): Uint8Array {
  const builder = new GraphBuilder();
  const x = builder.input(spec);
  const y = builder.emit("Identity", [x], spec);
  return onnxModel({ inputs: [{ name: "x", value: x }], nodes: builder.nodes, outputs: [{ name: "y", value: y }] });
}

/** A Variable's value: on the host until a step first reads it, on the device from then on. */
class GpuCell implements StateCell {
  readonly #border: Border;
  readonly #dtype: BorderType;
  readonly #shape: readonly number[];
  #tensor: Ort.Tensor;

  constructor(border: Border, dtype: BorderType, shape: readonly number[], initial: HostArray) {
    this.#border = border;
    this.#dtype = dtype;
    this.#shape = shape;
    this.#tensor = this.#onHost(initial);
  }

  async settle(): Promise<void> {
    if (this.#tensor.location === "cpu") this.#tensor = await this.#border.upload(this.#tensor);
  }

  current(): Ort.Tensor {
    return this.#tensor;
  }

  target(): null {
    return null;
  }

  commit(written: Ort.Tensor): void {
    this.#tensor.dispose();
    this.#tensor = written;
  }

  read(): Promise<HostArray> {
    return this.#border.download(this.#tensor);
  }

  write(values: HostArray): void {
    this.#tensor.dispose();
    this.#tensor = this.#onHost(values);
  }

  dispose(): void {
    this.#tensor.dispose();
  }

  #onHost(values: HostArray): Ort.Tensor {
    return new this.#border.ort.Tensor(this.#dtype, values.slice(), this.#shape);
  }
}
