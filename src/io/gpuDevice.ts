import { readdirSync } from "node:fs";
import { whyNoNvidiaDevice } from "./nvidiaDevice.js";

/** Where Linux keeps the devices of its graphics drivers. */
const RENDER_NODES = "/dev/dri";

/**
 * Why there can be no GPU for this process; null when there may be one, and only its driver can tell. It costs next to
 * nothing, so that a machine without a GPU is not kept waiting for drivers.
 */
export function whyNoGpu(): string | null {
  if (process.platform !== "linux") return null; // macOS has Metal, Windows has Direct3D
  if (whyNoNvidiaDevice() === null) return null;
  return renderNodes().length > 0 ? null : `this machine shows no GPU: nothing in ${RENDER_NODES}, no NVIDIA driver`;
}

function renderNodes(): readonly string[] {
  try {
    return readdirSync(RENDER_NODES).filter((name) => name.startsWith("renderD"));
  } catch {
    return [];
  }
}
