import { whyNoGpu } from "../io/gpuDevice.js";
import type { NodeGpuProbe } from "../tensor/nodeGpuProbe.js";
import { probeNodeGpu } from "../tensor/nodeGpuProbe.js";
import { tf } from "../tensor/tf.js";
import type { EngineName } from "./executor.js";
import type { GpuState, GpuWay } from "./gpuWays.js";
import { GPU_WAYS } from "./gpuWays.js";
import { ortVersion, probeProvider } from "./ortProbe.js";

/** An engine on a kind of device, and whether it can be used here. */
export interface EngineReport {
  readonly engine: EngineName;
  /** What is or would be computed on: "cpu", "CUDA", "WebGPU: NVIDIA H200 (Vulkan)". */
  readonly device: string;
  readonly driver: string | null;
  readonly usable: boolean;
  /** Which values of --accelerator take it when no engine is named. */
  readonly takenBy: readonly ("auto" | "cpu" | "gpu")[];
  /** Why it cannot be used, and what would change that; null where it can. */
  readonly reason: string | null;
  readonly remedy: string | null;
}

/** Everything about the engines on this machine. */
export interface Diagnosis {
  readonly versions: Readonly<Record<string, string | null>>;
  /** Why there can be no GPU; null where there may be one. */
  readonly withoutGpu: string | null;
  readonly engines: readonly EngineReport[];
}

const REINSTALL = "install it again for this platform and Node version: `npm install onnxruntime-node`";

/** Try every engine on every kind of device. Native libraries load in processes of their own, so this one survives. */
export async function diagnoseEngines(): Promise<Diagnosis> {
  const withoutGpu = whyNoGpu();
  const [cpu, node, ...gpus] = await Promise.all([
    probeProvider("cpu"),
    probeNodeGpu(),
    ...GPU_WAYS.map(async (way) => ({ way, state: way.engine === "tfjs-node-gpu" ? null : await way.find() })),
  ]);
  const onGpu = gpus.map(({ way, state }) => ({ way, state: state ?? nodeState(node) }));
  const first = onGpu.find(({ state }) => state.works);
  const automatic = withoutGpu === null ? onGpu.find(({ state }) => state.works && state.isAutomatic) : undefined;
  const ort: EngineReport = {
    ...plain("onnxruntime", "cpu", cpu.works ? null : cpu.reason, REINSTALL),
    takenBy: automatic === undefined ? ["auto", "cpu"] : ["cpu"],
  };
  const nodeOnCpu = node.tensorflow === null ? node.reason : null;
  return {
    versions: {
      "onnxruntime-node": ortVersion(),
      "@tensorflow/tfjs-core": tf.version_core,
      "@tensorflow/tfjs-node-gpu": node.version,
      TensorFlow: node.tensorflow,
    },
    withoutGpu,
    engines: [
      ort,
      ...onGpu.map((each) => ({
        ...gpuReport(each.way, each.state),
        takenBy: [...(each === automatic ? (["auto"] as const) : []), ...(each === first ? (["gpu"] as const) : [])],
      })),
      plain("tfjs-node-gpu", "cpu", nodeOnCpu, nodeRemedy(node)),
      plain("tfjs", "cpu", null, null),
    ],
  };
}

function gpuReport(way: GpuWay, state: GpuState): EngineReport {
  const kind = way.title.replace(/^.*\((.*)\)$/, "$1");
  if (!state.works) return plain(way.engine, kind, state.reason, state.remedy);
  return { ...plain(way.engine, state.device, null, null), driver: state.driver };
}

function plain(engine: EngineName, device: string, reason: string | null, remedy: string | null): EngineReport {
  const usable = reason === null;
  return { engine, device, driver: null, usable, takenBy: [], reason, remedy: usable ? null : remedy };
}

/** tfjs-node-gpu as a way to a GPU, without having loaded it. */
function nodeState(node: NodeGpuProbe): GpuState {
  if (node.reason !== null) return { works: false, reason: node.reason, remedy: nodeRemedy(node) };
  const open = (): never => {
    throw new Error("a diagnosis opens nothing");
  };
  return { works: true, device: "CUDA device (TensorFlow)", driver: null, isAutomatic: true, open };
}

function nodeRemedy(node: NodeGpuProbe): string {
  const build =
    "`npm run build:tfjs-node-gpu` in a checkout, `npm explore ltrain -- npm run build:tfjs-node-gpu` elsewhere";
  if (node.version === null) return `\`npm install --ignore-scripts @tensorflow/tfjs-node-gpu\`, then ${build}`;
  if (node.tensorflow === null) return build;
  return "install NVIDIA's driver and the CUDA that TensorFlow wants; nvidia-smi must list the card";
}
