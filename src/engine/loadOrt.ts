import { LtrainError } from "../errors.js";
import { setEnvironmentDefault } from "../io/environment.js";
import type { OrtModule } from "./ortDevice.js";

/**
 * Since 1.30 ONNX Runtime reports to its maker what it runs, keeps a database of it under the home folder and leaves a
 * file in the temp folder. Training is nobody else's business: here it does none of this, unless the user sets
 * ORT_DISABLE_TELEMETRY to something else. To be called before the library is loaded, here or in a program started here.
 */
export function keepOrtSilent(): void {
  setEnvironmentDefault("ORT_DISABLE_TELEMETRY", "1");
}

/** Load ONNX Runtime; engine.unavailable where that fails. */
export async function loadOrt(): Promise<OrtModule> {
  keepOrtSilent();
  try {
    return (await import("onnxruntime-node")).default;
  } catch (cause) {
    throw new LtrainError("engine.unavailable", `onnxruntime-node does not load: ${String(cause)}`, {
      hint: "reinstall it for this platform and Node version, or use --engine tfjs",
      cause,
    });
  }
}
