import type { PyDict } from "../pickle/values.js";
import { LtrainError } from "../errors.js";

/** The precisions that can be asked for, by Lightning's name. */
export type PrecisionName = "32-true";

/** In which numbers we count: what a mixed or half precision changes, it changes here. */
export interface Precision {
  readonly name: PrecisionName;
  /** The class name of Lightning's plugin: its key in the checkpoint. */
  readonly stateKey: string;
  /** State for the checkpoint; null leaves no entry. */
  stateDict(): PyDict | null;
  loadStateDict(state: PyDict): void;
}

/** Full precision: the plugin that changes nothing. */
export const FULL_PRECISION: Precision = {
  name: "32-true",
  stateKey: "Precision",
  stateDict: () => null,
  loadStateDict: () => undefined,
};

/** The precision of that name; one that is not there is config.invalid and says what is. */
export function createPrecision(name: string): Precision {
  if (name === "32-true" || name === "32") return FULL_PRECISION;
  throw new LtrainError("config.invalid", `trainer.precision "${name}" is not there; 32-true is`);
}
