import type * as Ort from "onnxruntime-node";
import { availableThreads } from "../io/environment.js";
import { numelOf } from "../storage/hostTensor.js";
import { Arena } from "./fusion/arena.js";
import { HostBlock } from "./fusion/hostBlock.js";
import type { PlacedCell } from "./fusion/kernelTail.js";
import { KernelCache, KernelTail } from "./fusion/kernelTail.js";
import { partition } from "./fusion/partition.js";
import type { Graph } from "./graph.js";
import type { HostArray } from "./hostValues.js";
import { keepLargeBlocks } from "./hostAllocator.js";
import { hostArray } from "./hostValues.js";
import { fuseAttention } from "./passes/attention.js";
import { forCpu } from "./passes/forCpu.js";
import type { BorderType, OrtDevice, OrtModule, PreparedGraph, StateCell } from "./ortDevice.js";

/** What the CPU device may be told. */
export interface OrtCpuOptions {
  /** Threads of one operator, by default as many as can run here. The same number gives the same bits. */
  readonly threads?: number;
  /** Whether the arithmetic at the end of a step runs in kernels of our own; true where nothing is said. */
  readonly fuse?: boolean;
  /** More of ONNX Runtime's session options, for measuring. */
  readonly session?: Ort.InferenceSession.SessionOptions;
}

/** Once in a process is enough. */
let kept: Promise<void> | undefined;

/** The CPU: everything lies in memory of one arena, which sessions and kernels read and write in place. */
export function ortCpu(ort: OrtModule, options: OrtCpuOptions = {}): OrtDevice {
  const arena = new Arena();
  const cache = new KernelCache(arena);
  const tensor = (dtype: BorderType, shape: readonly number[], values: HostArray): Ort.Tensor =>
    new ort.Tensor(dtype, values, shape);
  const prepare = (plain: Graph): PreparedGraph => {
    const graph = forCpu(fuseAttention(plain));
    const parts = partition(graph);
    // State in two places at most, and what is handed over.
    const ports = [...graph.inputs, ...graph.outputs, ...parts.handed];
    const bytes = ports.reduce((sum, { value }) => sum + 4 * numelOf(value.shape) + 64, 0);
    if (options.fuse === false || parts.kernels.length === 0 || bytes > arena.free) return { graph, bind: undefined };
    return {
      graph: parts.graph,
      bind: (cells) =>
        new KernelTail(ort, arena, cache, parts, graph, (port) => placed(cells[Number(port.split(".")[1])])),
    };
  };
  return {
    name: "cpu",
    // ONNX Runtime takes float16 products on the CPU, and drops the casts around them: float32 in all but name.
    halves: { float16: "emulated", bfloat16: "emulated" },
    prepare,
    open: async (model) => {
      await (kept ??= keepLargeBlocks(ort));
      return ort.InferenceSession.create(model, {
        executionProviders: ["cpu"],
        // Said outright: left to itself, ONNX Runtime ties its threads to cores that others may be using.
        intraOpNumThreads: options.threads ?? availableThreads(),
        interOpNumThreads: 1,
        executionMode: "sequential",
        graphOptimizationLevel: "all",
        ...options.session,
      });
    },
    cell: (dtype, shape, initial) => new HostCell(() => new HostBlock(ort, arena, dtype, shape), initial),
    input: tensor,
    output: (dtype, shape) => tensor(dtype, shape, hostArray(dtype, numelOf(shape))),
    download: (result) => Promise.resolve(result.data as HostArray),
    dispose: () => Promise.resolve(),
  };
}

function placed(cell: StateCell | undefined): PlacedCell {
  if (!(cell instanceof HostCell)) throw new Error("a cell of another device");
  return cell;
}

/** A block that kernels write over in place; where a session writes, it writes a second one, and they change places. */
class HostCell implements PlacedCell {
  readonly #make: () => HostBlock;
  #front: HostBlock;
  #back: HostBlock | undefined;

  constructor(make: () => HostBlock, initial: HostArray) {
    this.#make = make;
    this.#front = make();
    this.#front.values.set(initial);
  }

  get address(): number | undefined {
    return this.#front.address;
  }

  current(): Ort.Tensor {
    return this.#front.tensor;
  }

  target(): Ort.Tensor {
    this.#back ??= this.#make();
    return this.#back.tensor;
  }

  commit(): void {
    const written = this.#back;
    if (written === undefined) throw new Error("nothing was written");
    this.#back = this.#front;
    this.#front = written;
  }

  read(): Promise<HostArray> {
    return Promise.resolve(this.#front.values);
  }

  write(values: HostArray): void {
    this.#front.values.set(values);
  }

  dispose(): void {
    // The arena is the garbage collector's.
  }
}
