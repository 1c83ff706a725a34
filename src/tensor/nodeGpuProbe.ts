import { createRequire } from "node:module";
import { runNode } from "../io/childProcess.js";
import { whyNoNvidiaDevice } from "../io/nvidiaDevice.js";

/** What tfjs-node-gpu is on this machine. */
export interface NodeGpuProbe {
  /** Of the package; null where it is not installed. */
  readonly version: string | null;
  /** TensorFlow's; null where the native part does not load. */
  readonly tensorflow: string | null;
  readonly usesGpu: boolean;
  /** Why no CUDA device is used; null when one is. */
  readonly reason: string | null;
}

const PACKAGE = "@tensorflow/tfjs-node-gpu";
const PROBE_MS = 120_000;
/** The two functions are those that Node 23 took away, and that the package calls. */
const PROBE = `
const util = require("node:util");
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;
const backend = require(args[0]).backend();
tell("found " + JSON.stringify({ tensorflow: backend.binding.TF_Version, usesGpu: backend.isUsingGpuDevice }));
`;

let probed: Promise<NodeGpuProbe> | undefined;

/**
 * Load tfjs-node-gpu in a process of its own: a native part that was built for another machine may end it. Asked again,
 * the answer is the same.
 */
export function probeNodeGpu(): Promise<NodeGpuProbe> {
  probed ??= probe();
  return probed;
}

async function probe(): Promise<NodeGpuProbe> {
  const nothing = { version: null, tensorflow: null, usesGpu: false };
  const { resolve } = createRequire(import.meta.url);
  const version = versionOf(resolve);
  if (version === null) return { ...nothing, reason: `${PACKAGE} is not installed` };
  const result = await runNode(PROBE, [resolve(PACKAGE)], {
    environment: { TF_CPP_MIN_LOG_LEVEL: "2" },
    timeoutMs: PROBE_MS,
  });
  const found = /^found (.*)$/m.exec(result.stdout)?.[1];
  if (found === undefined) {
    const ended = result.signal === null ? "no reason given" : `it ends its process: ${result.signal}`;
    const error = /^(?:Error: )(.*)$/m.exec(result.stderr)?.[1] ?? ended;
    return { ...nothing, version, reason: `its native part does not load (${error.trim()})` };
  }
  const { tensorflow, usesGpu } = JSON.parse(found) as { tensorflow: string; usesGpu: boolean };
  const reason = usesGpu ? null : (whyNoNvidiaDevice() ?? "TensorFlow finds no CUDA device");
  return { version, tensorflow, usesGpu, reason };
}

function versionOf(resolve: NodeJS.RequireResolve): string | null {
  try {
    const { version } = createRequire(import.meta.url)(resolve(`${PACKAGE}/package.json`)) as { version: string };
    return version;
  } catch {
    return null;
  }
}
