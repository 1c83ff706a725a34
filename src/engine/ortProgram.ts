import type * as Ort from "onnxruntime-node";
import type { HostTensor } from "../storage/hostTensor.js";
import type { RandomDraw } from "../tensor/randomInput.js";
import type { CapturedStep } from "./capture.js";
import { inputPort, nextStatePort, outputPort, randomPort, statePort } from "./capture.js";
import type { StepOutputs } from "./executor.js";
import type { TensorSpec } from "./graph.js";
import { computeType, fromCompute, toCompute } from "./hostValues.js";
import type { BorderType, OrtDevice, StateCell, Tail } from "./ortDevice.js";

/** A session of ONNX Runtime that runs a step for inputs of one shape. */
export class Program {
  readonly session: Ort.InferenceSession;
  readonly #device: OrtDevice;
  readonly #inputs: readonly string[];
  readonly #draws: readonly { readonly port: string; readonly draw: RandomDraw; readonly isUsed: boolean }[];
  readonly #outputs: readonly { readonly port: string; readonly name: string; readonly spec: TensorSpec }[];
  readonly #reads: readonly { readonly port: string; readonly cell: StateCell }[];
  readonly #writes: readonly { readonly port: string; readonly cell: StateCell }[];
  readonly #tail: Tail | undefined;

  constructor(
    session: Ort.InferenceSession,
    device: OrtDevice,
    captured: CapturedStep,
    cells: readonly StateCell[],
    tail: Tail | undefined,
  ) {
    this.session = session;
    this.#tail = tail;
    this.#device = device;
    const wanted = new Set(captured.graph.inputs.map(({ name }) => name));
    const given = new Map(captured.graph.outputs.map(({ name, value }) => [name, value]));
    this.#inputs = captured.inputs.filter((name) => wanted.has(inputPort(name)));
    this.#draws = captured.draws.map((draw, i) => {
      const port = randomPort(i);
      return { port, draw, isUsed: wanted.has(port) };
    });
    this.#outputs = captured.outputs.flatMap((name) => {
      const spec = given.get(outputPort(name));
      return spec === undefined ? [] : [{ port: outputPort(name), name, spec }];
    });
    this.#reads = cells.map((cell, i) => ({ port: statePort(i), cell })).filter(({ port }) => wanted.has(port));
    this.#writes = cells.map((cell, i) => ({ port: nextStatePort(i), cell })).filter(({ port }) => given.has(port));
    // What is allocated now is not allocated between the steps of a run.
    for (const { cell } of this.#writes) cell.target();
  }

  async run(inputs: Readonly<Record<string, HostTensor>>): Promise<StepOutputs> {
    const feeds: Record<string, Ort.Tensor> = {};
    const fetches: Record<string, Ort.Tensor | null> = {};
    for (const name of this.#inputs) {
      const host = inputs[name];
      if (host === undefined) throw new Error(`input "${name}" is missing`);
      feeds[inputPort(name)] = this.#device.input(computeType(host.dtype), host.shape, toCompute(host));
    }
    for (const { port, draw, isUsed } of this.#draws) {
      // What nobody uses is drawn too: the numbers after it are those of a step that just runs.
      const values = draw.draw();
      if (isUsed) feeds[port] = this.#device.input("float32", draw.shape, values);
    }
    for (const { port, cell } of this.#reads) {
      if (cell.settle !== undefined) await cell.settle();
      feeds[port] = cell.current();
    }
    for (const { port, cell } of this.#writes) fetches[port] = cell.target();
    for (const { port, spec } of this.#outputs) {
      fetches[port] = this.#device.output(spec.dtype as BorderType, spec.shape);
    }
    Object.assign(fetches, this.#tail?.fetches());
    const results = (await this.session.run(feeds, fetches)) as Readonly<Record<string, Ort.Tensor>>;
    const resultOf = (port: string): Ort.Tensor => {
      const result = results[port];
      if (result === undefined) throw new Error(`the session gave no "${port}"`);
      return result;
    };
    for (const { port, cell } of this.#writes) cell.commit(resultOf(port));
    this.#tail?.run(feeds, results);
    if (this.#device.pace !== undefined) await this.#device.pace();
    return new OrtOutputs(
      this.#device,
      new Map(this.#outputs.map(({ port, name, spec }) => [name, { tensor: resultOf(port), spec }])),
    );
  }
}

/** The outputs of one run. They have memory of their own, so they may be read steps later. */
class OrtOutputs implements StepOutputs {
  readonly #device: OrtDevice;
  readonly #results: Map<string, { readonly tensor: Ort.Tensor; readonly spec: TensorSpec }>;

  constructor(device: OrtDevice, results: Map<string, { readonly tensor: Ort.Tensor; readonly spec: TensorSpec }>) {
    this.#device = device;
    this.#results = results;
  }

  get names(): readonly string[] {
    return [...this.#results.keys()];
  }

  async scalar(name: string): Promise<number> {
    const { tensor } = this.#result(name);
    const values = await this.#device.download(tensor);
    const [value] = values;
    if (value === undefined || values.length !== 1) {
      throw new Error(`output "${name}" of shape [${tensor.dims.join(", ")}] is not a scalar`);
    }
    return value;
  }

  async tensor(name: string): Promise<HostTensor> {
    const { tensor, spec } = this.#result(name);
    return fromCompute(await this.#device.download(tensor), spec.dtype, spec.shape);
  }

  dispose(): void {
    for (const { tensor } of this.#results.values()) tensor.dispose();
    this.#results.clear();
  }

  #result(name: string): { readonly tensor: Ort.Tensor; readonly spec: TensorSpec } {
    const result = this.#results.get(name);
    if (result === undefined) throw new Error(`the step gave no "${name}"; it gave ${this.names.join(", ")}`);
    return result;
  }
}
