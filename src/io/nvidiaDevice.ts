import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where an NVIDIA driver shows itself, so that nobody has to load hundreds of megabytes to find no device. */
const SIGNS: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  // The last one is Windows' driver inside WSL.
  linux: ["/dev/nvidiactl", "/dev/nvidia0", "/proc/driver/nvidia/version", "/dev/nvgpu", "/dev/dxg"],
  win32: [join(process.env["SystemRoot"] ?? "C:\\Windows", "System32", "nvcuda.dll")],
};

/** Why there can be no CUDA device for this process; null when there may be one, and only CUDA can tell. */
export function whyNoNvidiaDevice(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  exists: (path: string) => boolean = existsSync,
): string | null {
  const visible = environment["CUDA_VISIBLE_DEVICES"];
  // CUDA sees the devices before the first number that is none; so -1 and "" hide all.
  if (visible !== undefined && /^\s*(?:-|$)/.test(visible)) return "CUDA_VISIBLE_DEVICES hides every device";
  const signs = SIGNS[process.platform] ?? [];
  return signs.some(exists) ? null : "this machine shows no NVIDIA driver";
}
