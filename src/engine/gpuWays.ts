import { LtrainError } from "../errors.js";
import { setting } from "../io/environment.js";
import { whyNoGpu } from "../io/gpuDevice.js";
import { whyNoNvidiaDevice } from "../io/nvidiaDevice.js";
import { openNodeGpu } from "../tensor/nodeGpu.js";
import type { EngineName, Executor } from "./executor.js";
import { ortExecutor } from "./ortExecutor.js";
import type { ProbeResult } from "./ortProbe.js";
import { probeProvider } from "./ortProbe.js";
import { tensorflowExecutor } from "./tensorflow/tensorflowExecutor.js";

/** Set to 1, a Vulkan driver that computes on the CPU may stand in for a GPU: for tests. */
export const SOFTWARE_GPU = "LTRAIN_SOFTWARE_GPU";

/** A GPU that can be used, or why not and what would change it. */
export type GpuState =
  | {
      readonly works: true;
      /** For people: "WebGPU: NVIDIA H200 (Vulkan)". */
      readonly device: string;
      readonly driver: string | null;
      /** Whether `accelerator: auto` takes it: a driver that computes on the CPU must be asked for. */
      readonly isAutomatic: boolean;
      readonly open: () => Promise<Executor>;
    }
  | { readonly works: false; readonly reason: string; readonly remedy: string };

/** One way to compute on a GPU. */
export interface GpuWay {
  readonly engine: EngineName;
  /** The engine and how it reaches the GPU: "onnxruntime (WebGPU)". */
  readonly title: string;
  readonly find: () => Promise<GpuState>;
}

/** The ways in the order in which they are tried. */
export const GPU_WAYS: readonly GpuWay[] = [
  { engine: "onnxruntime", title: "onnxruntime (CUDA)", find: findCuda },
  { engine: "tfjs-node-gpu", title: "tfjs-node-gpu (CUDA)", find: findNodeGpu },
  { engine: "onnxruntime", title: "onnxruntime (WebGPU)", find: findWebgpu },
];

const NVIDIA_REMEDY = "install NVIDIA's driver; nvidia-smi must list the card (containers: docker run --gpus all)";
const CUDA_REMEDY =
  "install CUDA 12 and cuDNN 9, then run `ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js`";
const VULKAN_REMEDY =
  "install the loader and the card's driver: `apt-get install libvulkan1 mesa-vulkan-drivers` for AMD and Intel, " +
  "libvulkan1 and NVIDIA's driver for NVIDIA (containers: NVIDIA_DRIVER_CAPABILITIES=all); vulkaninfo --summary must list the card";

async function findCuda(): Promise<GpuState> {
  const without = whyNoNvidiaDevice();
  if (without !== null) return { works: false, reason: without, remedy: NVIDIA_REMEDY };
  const found = await probeProvider("cuda");
  if (!found.works) return { works: false, reason: found.reason, remedy: CUDA_REMEDY };
  const { halves } = found;
  const device = `CUDA: ${found.name ?? "NVIDIA device"}`;
  const open = (): Promise<Executor> => ortExecutor({ target: { kind: "cuda", name: device, halves } });
  return { works: true, device, driver: found.driver, isAutomatic: true, open };
}

async function findNodeGpu(): Promise<GpuState> {
  const without = whyNoNvidiaDevice();
  if (without !== null) return { works: false, reason: without, remedy: NVIDIA_REMEDY };
  try {
    const { usesGpu, device } = await openNodeGpu();
    const reason = "it loads and finds no CUDA device";
    if (!usesGpu) return { works: false, reason, remedy: NVIDIA_REMEDY };
    return { works: true, device, driver: null, isAutomatic: true, open: tensorflowExecutor };
  } catch (error) {
    if (!(error instanceof LtrainError)) throw error;
    return { works: false, reason: error.message, remedy: error.hint ?? "" };
  }
}

async function findWebgpu(): Promise<GpuState> {
  const found = await probeProvider("webgpu");
  return webgpuState(found, setting(SOFTWARE_GPU) === "1", whyNoGpu());
}

/** What a found WebGPU device means, given whether software may stand in and whether the machine shows a GPU. */
export function webgpuState(found: ProbeResult, softwareIsWanted: boolean, withoutGpu: string | null): GpuState {
  if (!found.works) return { works: false, reason: found.reason, remedy: VULKAN_REMEDY };
  // A device without a name on a machine that shows no GPU is no GPU either.
  const isSoftware = found.isSoftware || (found.name === null && withoutGpu !== null);
  if (isSoftware && !softwareIsWanted) {
    const reason = `its only device is ${found.name ?? "one without a name"}, which computes on the CPU`;
    return { works: false, reason, remedy: `${VULKAN_REMEDY}; ${SOFTWARE_GPU}=1 takes it all the same, slowly` };
  }
  const { halves } = found;
  const device = `WebGPU: ${found.name === null ? "GPU" : `${found.name} (Vulkan)`}`;
  const open = (): Promise<Executor> => ortExecutor({ target: { kind: "webgpu", name: device, halves } });
  return { works: true, device, driver: found.driver, isAutomatic: !isSoftware, open };
}
