import type * as Ort from "onnxruntime-node";
import type { HalfType } from "../storage/float16.js";
import type { ElementType, Graph } from "./graph.js";
import type { HostArray } from "./hostValues.js";
import type { HalfSupport } from "./passes/autocast.js";

/** What of onnxruntime-node is used. */
export type OrtModule = Pick<typeof Ort, "InferenceSession" | "Tensor">;

/** What a device that has kernels for these half precisions does with them. */
export function nativeHalves(types: readonly HalfType[]): Partial<Record<HalfType, HalfSupport>> {
  return Object.fromEntries(types.map((type) => [type, "native"]));
}

/** Element types that cross the border of a session. */
export type BorderType = Extract<ElementType, "float32" | "int32" | "bool">;

/** Where a Variable lives between steps. */
export interface StateCell {
  /** Called before a step reads the cell, by devices whose Variables have to be brought there first. */
  settle?(): Promise<void>;
  /** What a step reads. */
  current(): Ort.Tensor;
  /** What a step writes into; null lets the session allocate. */
  target(): Ort.Tensor | null;
  /** The step has run: what it wrote is the value now. */
  commit(written: Ort.Tensor): void;
  /** The elements on the host; they may change with the next step. */
  read(): Promise<HostArray>;
  write(values: HostArray): void;
  dispose(): void;
}

/** What a device does after the session, with what the session hands it. */
export interface Tail {
  /** Where the session writes what is handed over; null lets it allocate. */
  fetches(): Readonly<Record<string, Ort.Tensor | null>>;
  run(feeds: Readonly<Record<string, Ort.Tensor>>, results: Readonly<Record<string, Ort.Tensor>>): void;
}

/** A graph as a device wants it: the part for the session, and what follows. */
export interface PreparedGraph {
  readonly graph: Graph;
  /** The rest, bound to the Variables' cells; undefined where the session does everything. */
  readonly bind: ((cells: readonly StateCell[]) => Tail) | undefined;
}

/** A kind of device: how sessions are made for it, where state lives, how results reach the host. */
export interface OrtDevice {
  /** For people: "cpu", or what the driver calls it. */
  readonly name: string;
  /** The half precisions it can compute products in, and how; none where nothing is said. */
  readonly halves?: Partial<Readonly<Record<HalfType, HalfSupport>>>;
  prepare(graph: Graph): PreparedGraph;
  open(model: Uint8Array, stateOutputs: readonly string[]): Promise<Ort.InferenceSession>;
  /** A place for a Variable, holding `initial`. */
  cell(dtype: BorderType, shape: readonly number[], initial: HostArray): StateCell;
  /** A tensor for an input of the step, over the caller's array where that is possible. */
  input(dtype: BorderType, shape: readonly number[], values: HostArray): Ort.Tensor;
  /** A tensor that an output is written into; null lets the session allocate. */
  output(dtype: BorderType, shape: readonly number[]): Ort.Tensor | null;
  /** Called after each step by whoever ran it: a device that runs behind lets it come near. */
  pace?(): Promise<void>;
  /** An output's elements on the host. */
  download(tensor: Ort.Tensor): Promise<HostArray>;
  dispose(): Promise<void>;
}
