import type { HostTensor } from "../storage/hostTensor.js";
import { Variable } from "../tensor/variable.js";

/** A Variable that an optimizer changes: torch.nn.Parameter. */
export class Parameter extends Variable {
  /** False freezes the parameter: it keeps its place in the optimizer's numbering and gets no gradient. */
  requiresGrad: boolean;

  constructor(initial: HostTensor, requiresGrad = true) {
    super(initial);
    this.requiresGrad = requiresGrad;
  }
}

/** A Variable that belongs to a module without being trained: torch's register_buffer. */
export class Buffer extends Variable {
  /** Whether it is part of the state_dict. */
  readonly persistent: boolean;

  constructor(initial: HostTensor, persistent = true) {
    super(initial);
    this.persistent = persistent;
  }
}
