import { createRequire } from "node:module";
import util from "node:util";
import { LtrainError } from "../errors.js";
import { setEnvironmentDefault } from "../io/environment.js";
import { registerDerivatives } from "./derivatives/register.js";
import type { NodeBackend } from "./nodeBinding.js";
import { probeNodeGpu } from "./nodeGpuProbe.js";
import { registerNodeKernels } from "./nodeKernels/register.js";
import { tf } from "./tf.js";

/** TensorFlow for Node, as it was found. */
export interface NodeGpu {
  /** The name of its tfjs backend. */
  readonly backend: string;
  /** For people. */
  readonly device: string;
  readonly usesGpu: boolean;
  /** The backend itself, for raw ops and sessions. */
  readonly node: NodeBackend;
}

const PACKAGE = "@tensorflow/tfjs-node-gpu";
const BACKEND = "tensorflow";
let loaded: NodeGpu | undefined;

/**
 * Load @tensorflow/tfjs-node-gpu once a process of its own has shown that it can be loaded: a native part that was built
 * for another machine ends the process that loads it. engine.unavailable says why it cannot be.
 */
export async function openNodeGpu(): Promise<NodeGpu> {
  if (loaded !== undefined) return loaded;
  const { version, tensorflow, reason } = await probeNodeGpu();
  if (tensorflow === null) {
    throw version === null ? notInstalled() : notLoading(reason ?? "no reason given");
  }
  return loadNodeGpu();
}

/** Load it into this process. The backend in use stays what it was. */
function loadNodeGpu(): NodeGpu {
  const before = tf.getBackend() as string | undefined; // nothing before the first tensor
  shimUtil();
  setEnvironmentDefault("TF_CPP_MIN_LOG_LEVEL", "2"); // TensorFlow greets on stderr; its errors still come through
  try {
    createRequire(import.meta.url)(PACKAGE);
  } catch (cause) {
    const message = cause instanceof Error ? (cause.message.split("\n", 1)[0] ?? "") : String(cause);
    throw notLoading(`does not load (${message.trim()})`, cause);
  }
  registerDerivatives(); // the package brought tfjs' own
  const backend = tf.findBackend(BACKEND) as unknown as NodeBackend | null;
  if (backend === null) throw notLoading("it loaded another copy of tfjs-core than ltrain's");
  registerNodeKernels(BACKEND);
  if (before !== undefined) void tf.setBackend(before);
  const usesGpu = backend.isUsingGpuDevice;
  const device = usesGpu ? "CUDA device (TensorFlow)" : "cpu (TensorFlow)";
  loaded = { backend: BACKEND, device, usesGpu, node: backend };
  return loaded;
}

/** tfjs-node 4.22 calls functions that Node 23 took out of node:util. */
function shimUtil(): void {
  const shims = {
    isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
    isArray: (value: unknown): boolean => Array.isArray(value),
  };
  for (const [name, shim] of Object.entries(shims)) {
    if (!(name in util)) Object.defineProperty(util, name, { value: shim, configurable: true });
  }
}

const BUILD =
  "`npm run build:tfjs-node-gpu` in a checkout, `npm explore ltrain -- npm run build:tfjs-node-gpu` elsewhere";

function notInstalled(): LtrainError {
  return new LtrainError(
    "engine.unavailable",
    `the engine tfjs-node-gpu is not available: ${PACKAGE} is not installed`,
    { hint: `run \`npm install --ignore-scripts ${PACKAGE}\`, then build its native part: ${BUILD}` },
  );
}

function notLoading(why: string, cause?: unknown): LtrainError {
  return new LtrainError(
    "engine.unavailable",
    `the engine tfjs-node-gpu is not available: ${PACKAGE} is installed, and ${why}`,
    { hint: `build its native part for this machine: ${BUILD}; --engine onnxruntime needs none`, cause },
  );
}
