import type { HalfType } from "../storage/float16.js";
import { castHost } from "../tensor/cast.js";
import type { Precision } from "./precision.js";
import { FULL_PRECISION } from "./precision.js";

/**
 * 16-true and bf16-true: parameters, buffers, batches and the optimizer's state are halves, and products are. What lies
 * between products is computed in float32, where torch rounds after every operation.
 */
export function halfPrecision(name: "16-true" | "bf16-true"): Precision {
  const type: HalfType = name === "16-true" ? "float16" : "bfloat16";
  return {
    ...FULL_PRECISION,
    name,
    stateKey: "HalfPrecision",
    autocast: type,
    convertModule: async (module) => {
      for (const variable of new Set(module.state().values())) {
        if (isFloat(variable.dtype)) await variable.convert(type);
      }
    },
    convertInput: (tensor) => (isFloat(tensor.dtype) ? castHost(tensor, type) : tensor),
  };
}

function isFloat(dtype: string): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}
