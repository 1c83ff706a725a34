import { LtrainError } from "../errors.js";
import { whyNoNvidiaDevice } from "../io/nvidiaDevice.js";
import { loadNodeGpu } from "../tensor/nodeGpu.js";
import { eagerExecutor } from "./eager.js";
import type { EngineName, Executor } from "./executor.js";
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
  switch (engine) {
    case "tfjs":
      if (accelerator === "gpu") {
        throw new LtrainError(
          "engine.unavailable",
          "the engine tfjs computes on the CPU only, and accelerator is gpu",
          {
            hint: "--engine tfjs-node-gpu uses a CUDA device; or leave the engine to be chosen",
          },
        );
      }
      return eagerExecutor("tfjs");
    case "tfjs-node-gpu":
      if (accelerator === "gpu") requireGpu();
      return tensorflowExecutor();
    case "onnxruntime":
      if (accelerator === "gpu") {
        throw new LtrainError("engine.unavailable", "the engine onnxruntime computes on the CPU only so far", {
          hint: "--engine tfjs-node-gpu uses a CUDA device; or leave the accelerator to be chosen",
        });
      }
      return ortExecutor();
    case "auto":
      if (accelerator === "gpu") requireGpu();
      return accelerator !== "cpu" && seesGpu() ? tensorflowExecutor() : ortExecutor();
    default:
      engine satisfies never;
      throw new LtrainError("argument.invalid", `there is no engine "${String(engine)}"`);
  }
}

/** Fail unless an engine sees a GPU, telling what was tried. */
function requireGpu(): void {
  const tried = gpuComplaint();
  if (tried === null) return;
  throw new LtrainError("engine.unavailable", `accelerator is gpu and no engine can use one: ${tried}`, {
    hint: "--accelerator cpu, or auto, trains without a GPU",
  });
}

function seesGpu(): boolean {
  return gpuComplaint() === null;
}

/** Why no GPU can be used; null when one can. */
function gpuComplaint(): string | null {
  const without = whyNoNvidiaDevice();
  if (without !== null) return without;
  try {
    return loadNodeGpu().usesGpu ? null : "tfjs-node-gpu loads and finds no CUDA device";
  } catch (error) {
    if (error instanceof LtrainError) return error.message;
    throw error;
  }
}
