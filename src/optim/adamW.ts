import { PyFloat, type PyValue } from "../pickle/values.js";
import { Adam, ADAM_DEFAULTS, type AdamOptions } from "./adam.js";
import type { Params } from "./paramGroup.js";

/** torch.optim.AdamW's options: Adam's, whose weight decay is always decoupled. */
export type AdamWOptions = Omit<AdamOptions, "decoupledWeightDecay">;

const DEFAULTS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ...ADAM_DEFAULTS,
  ["weight_decay", new PyFloat(1e-2)],
  ["decoupled_weight_decay", true],
]);

/** torch.optim.AdamW: Adam with weight decay beside the gradient instead of in it. */
export class AdamW extends Adam {
  constructor(params: Params<AdamWOptions>, options: AdamWOptions = {}) {
    super(params, options, DEFAULTS);
  }
}
