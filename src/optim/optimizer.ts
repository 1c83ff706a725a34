import type { Parameter } from "../nn/parameter.js";
import type { PyDict, PyValue } from "../pickle/values.js";
import type { HostTensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import type { Variable } from "../tensor/variable.js";

/** Parameters that share their options; options carry torch's names and Python's types. */
export interface ParamGroup {
  readonly params: Parameter[];
  readonly options: Map<string, PyValue>;
  lr: number;
}

/** torch.optim.Optimizer, split between the host (numbers that change from step to step) and the step function. */
export abstract class Optimizer {
  readonly paramGroups: ParamGroup[] = [];
  hostScalars(): Record<string, number> {
    throw new Error("not written");
  }
  applyGradients(grads: ReadonlyMap<Parameter, Tensor>, scalar: (name: string) => Tensor): void {
    throw new Error(`not written ${grads.size} ${typeof scalar}`);
  }
  afterStep(): void {
    throw new Error("not written");
  }
  stateDict(read: (variable: Variable) => Promise<HostTensor>): Promise<PyDict> {
    throw new Error(`not written ${typeof read}`);
  }
  loadStateDict(state: PyDict, write: (variable: Variable, value: HostTensor) => void): Promise<void> {
    throw new Error(`not written ${typeof write} ${state.size}`);
  }
}
