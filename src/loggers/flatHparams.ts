import { pythonFloat } from "../pickle/pythonFloat.js";
import type { HparamScalar } from "./tensorBoardEvents.js";

/**
 * Hyperparameters as TensorBoard can show them: a mapping in a mapping becomes `outer/inner`, and what is no boolean,
 * number or text becomes the text that Python has for it: Lightning's flattening and sanitizing.
 */
export function flatHparams(hparams: Readonly<Record<string, unknown>>): Record<string, HparamScalar> {
  const flat: Record<string, HparamScalar> = {};
  const walk = (node: Readonly<Record<string, unknown>>, path: string): void => {
    for (const [key, value] of Object.entries(node)) {
      const name = path === "" ? key : `${path}/${key}`;
      if (isMapping(value)) walk(value, name);
      else if (typeof value === "boolean" || typeof value === "number" || typeof value === "string") flat[name] = value;
      else flat[name] = pythonText(value);
    }
  };
  walk(hparams, "");
  return flat;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** str() of plain data. */
function pythonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonText).join(", ")}]`;
  if (isMapping(value)) {
    const items = Object.entries(value).map(([key, item]) => `${pythonText(key)}: ${pythonText(item)}`);
    return `{${items.join(", ")}}`;
  }
  if (typeof value === "string") return value.includes("'") && !value.includes('"') ? `"${value}"` : `'${value}'`;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : pythonFloat(value);
  return "None";
}
