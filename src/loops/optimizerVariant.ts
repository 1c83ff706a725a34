import { asNumber } from "../pickle/convert.js";
import type { Optimizer } from "../optim/optimizer.js";

/**
 * What of an optimizer's options may decide which operations its update is made of: flags, and which numbers are zero.
 * The numbers themselves are inputs of the step.
 */
export function optimizerVariant(optimizer: Optimizer): string {
  let key = "";
  for (const { options } of optimizer.paramGroups) {
    for (const value of options.values()) {
      const number = asNumber(value);
      key += number !== undefined ? (number === 0 ? "0" : "1") : typeof value === "boolean" ? (value ? "t" : "f") : "-";
    }
    key += "/";
  }
  return key;
}
