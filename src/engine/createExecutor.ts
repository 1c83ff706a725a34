import { LtrainError } from "../errors.js";
import { detail } from "../io/details.js";
import { whyNoGpu } from "../io/gpuDevice.js";
import { eagerExecutor } from "./eager.js";
import type { EngineName, Executor } from "./executor.js";
import type { GpuState, GpuWay } from "./gpuWays.js";
import { GPU_WAYS } from "./gpuWays.js";
import { ortExecutor } from "./ortExecutor.js";
import { tensorflowExecutor } from "./tensorflow/tensorflowExecutor.js";

/** Which device to compute on, as `--accelerator` takes it. */
export type Accelerator = "auto" | "cpu" | "gpu";

/** What createExecutor chooses by. */
export interface ExecutorOptions {
  readonly engine?: EngineName | "auto";
  readonly accelerator?: Accelerator;
}

/**
 * The Executor for an engine and an accelerator: by default a GPU where an engine sees one, else onnxruntime on the
 * CPU. What was asked for and cannot be had is engine.unavailable with the reason, never something else instead.
 */
export async function createExecutor(options: ExecutorOptions = {}): Promise<Executor> {
  const { engine = "auto", accelerator = "auto" } = options;
  detail("engine", () => `asked for: engine ${engine}, accelerator ${accelerator}`);
  switch (engine) {
    case "tfjs":
      if (accelerator === "gpu") {
        throw new LtrainError(
          "engine.unavailable",
          "the engine tfjs computes on the CPU only, and accelerator is gpu",
          { hint: "leave the engine to be chosen; ltrain doctor shows which GPU can be used" },
        );
      }
      return eagerExecutor("tfjs");
    case "tfjs-node-gpu":
      return accelerator === "gpu" ? onGpu(waysOf(engine)) : tensorflowExecutor();
    case "onnxruntime":
    case "auto":
      if (accelerator === "gpu") return onGpu(waysOf(engine));
      return accelerator === "cpu" ? ortExecutor() : anywhere(waysOf(engine));
    default:
      engine satisfies never;
      throw new LtrainError("argument.invalid", `there is no engine "${String(engine)}"`);
  }
}

function waysOf(engine: EngineName | "auto"): readonly GpuWay[] {
  return engine === "auto" ? GPU_WAYS : GPU_WAYS.filter((way) => way.engine === engine);
}

/** The first way that works; where none does, what was tried, why it failed and what would change it. */
async function onGpu(ways: readonly GpuWay[]): Promise<Executor> {
  const tried: string[] = [];
  for (const { title, find } of ways) {
    const state = await find();
    tellWay(title, state);
    if (state.works) return state.open();
    tried.push(`\n  ${title}: ${state.reason}; ${state.remedy}`);
  }
  throw new LtrainError("engine.unavailable", `accelerator is gpu and no engine can use one:${tried.join("")}`, {
    hint: "ltrain doctor shows every engine and device; --accelerator cpu, or auto, trains without a GPU",
  });
}

/** The first GPU that may be taken unasked, else the CPU. */
async function anywhere(ways: readonly GpuWay[]): Promise<Executor> {
  const why = whyNoGpu();
  if (why !== null) {
    detail("engine", () => `onnxruntime on the CPU: ${why}`);
    return ortExecutor();
  }
  for (const { title, find } of ways) {
    const state = await find();
    tellWay(title, state);
    if (state.works && state.isAutomatic) return state.open();
  }
  detail("engine", () => "onnxruntime on the CPU: no GPU can be used, ltrain doctor says what would change it");
  return ortExecutor();
}

function tellWay(title: string, state: GpuState): void {
  detail("engine", () => {
    if (!state.works) return `${title}: ${state.reason}`;
    return `${title}: ${state.device}${state.isAutomatic ? "" : ", which computes on the CPU and must be asked for"}`;
  });
}
