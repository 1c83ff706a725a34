import type { Variable } from "../tensor/variable.js";

/** What an optimizer keeps of one parameter. */
export interface ParamState {
  /** How often it was updated. */
  step: number;
  /** Numbers beside the count, which torch keeps as 0-dim tensors: NAdam's mu_product. */
  numbers: Readonly<Record<string, number>>;
  /** Tensors of the parameter's shape, under torch's names. */
  readonly slots: Map<string, Variable>;
}
