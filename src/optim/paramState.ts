import type { Variable } from "../tensor/variable.js";

/** What an optimizer keeps of one parameter: how often it was updated, and its slots under torch's names. */
export interface ParamState {
  step: number;
  readonly slots: Map<string, Variable>;
}
