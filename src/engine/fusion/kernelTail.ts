import type * as Ort from "onnxruntime-node";
import type { Graph, Value } from "../graph.js";
import type { OrtModule, StateCell, Tail } from "../ortDevice.js";
import type { Arena } from "./arena.js";
import type { FusedKernel } from "./elementwiseKernel.js";
import { kernelModule, kernelSignature } from "./elementwiseKernel.js";
import { HostBlock } from "./hostBlock.js";
import type { Partition } from "./partition.js";
import { wasm } from "./webAssembly.js";

type Run = (...numbers: number[]) => void;

/** Kernels made ready, by signature: the weights of two layers are updated by the same code. */
export class KernelCache {
  readonly #arena: Arena;
  readonly #runs = new Map<string, Run>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** The function of a kernel. */
  get(kernel: FusedKernel): Run {
    const signature = kernelSignature(kernel);
    const known = this.#runs.get(signature);
    if (known !== undefined) return known;
    const instance = new wasm.Instance(new wasm.Module(kernelModule(kernel)), {
      env: { memory: this.#arena.memory },
    });
    const run = instance.exports["run"] as Run;
    this.#runs.set(signature, run);
    return run;
  }
}

/** A cell whose value lies in the arena and may be written over in place. */
export interface PlacedCell extends StateCell {
  readonly address: number | undefined;
}

interface BoundKernel {
  readonly run: Run;
  readonly bytes: number;
  /** Where each array and each result lies at this moment. */
  readonly places: readonly (() => number)[];
  /** The port that each scalar comes from. */
  readonly scalars: readonly string[];
}

/** The kernels that follow a session, over the cells of its Variables and over what the session hands them. */
export class KernelTail implements Tail {
  readonly #handed: readonly { readonly port: string; readonly block: HostBlock }[];
  readonly #kernels: readonly BoundKernel[];

  constructor(
    ort: OrtModule,
    arena: Arena,
    cache: KernelCache,
    parts: Partition,
    original: Graph,
    cellOf: (port: string) => PlacedCell,
  ) {
    const blocks = new Map<Value, HostBlock>();
    this.#handed = parts.handed.map(({ name, value }) => {
      const block = new HostBlock(ort, arena, value.dtype === "float32" ? "float32" : "bool", value.shape);
      blocks.set(value, block);
      return { port: name, block };
    });
    const inputs = new Map(original.inputs.map(({ name, value }) => [value, name]));
    const outputs = new Map(original.outputs.map(({ name, value }) => [value, name]));
    const handedPorts = new Map(parts.handed.map(({ name, value }) => [value, name]));
    const place = (port: string | undefined): (() => number) => {
      if (port === undefined) throw new Error("a kernel reads or writes what has no place");
      const cell = cellOf(port);
      return () => addressOf(cell);
    };
    this.#kernels = parts.kernels.map((kernel) => ({
      run: cache.get(kernel),
      bytes: Math.ceil(kernel.count / 4) * 16,
      places: [
        ...kernel.arrays.map((value) => {
          const block = blocks.get(value);
          return block === undefined ? place(inputs.get(value)) : () => addressOf(block);
        }),
        ...kernel.results.map((value) => place(outputs.get(value)?.replace(/\.next$/, ""))),
      ],
      scalars: kernel.scalars.map((value) => handedPorts.get(value) ?? inputs.get(value) ?? ""),
    }));
  }

  fetches(): Readonly<Record<string, Ort.Tensor>> {
    return Object.fromEntries(this.#handed.map(({ port, block }) => [port, block.tensor]));
  }

  run(feeds: Readonly<Record<string, Ort.Tensor>>, results: Readonly<Record<string, Ort.Tensor>>): void {
    for (const { run, bytes, places, scalars } of this.#kernels) {
      const numbers = scalars.map((port) => Number((results[port] ?? feeds[port])?.data[0]));
      run(bytes, ...places.map((place) => place()), ...numbers);
    }
  }
}

function addressOf({ address }: { readonly address: number | undefined }): number {
  if (address === undefined) throw new Error("a kernel cannot reach a tensor outside the arena");
  return address;
}
