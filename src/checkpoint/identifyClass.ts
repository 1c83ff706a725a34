import type { PyDict } from "../pickle/values.js";

/** A class told by the keys its state has, or has not. */
interface Signature {
  readonly name: string;
  readonly has: readonly string[];
  readonly lacks?: readonly string[];
  /** A key that must be true. */
  readonly isTrue?: string;
}

/** Param-group keys of torch's optimizers (lightning-checkpoint-format.md, 5.6); the first that fits is taken. */
const OPTIMIZERS: readonly Signature[] = [
  { name: "LBFGS", has: ["history_size", "max_iter"] },
  { name: "Muon", has: ["ns_steps"] },
  { name: "Adafactor", has: ["beta2_decay"] },
  { name: "Rprop", has: ["etas", "step_sizes"] },
  { name: "ASGD", has: ["lambd", "t0"] },
  { name: "NAdam", has: ["momentum_decay", "betas"] },
  { name: "Adadelta", has: ["rho"] },
  { name: "Adagrad", has: ["lr_decay"] },
  { name: "RMSprop", has: ["alpha", "centered"] },
  { name: "SGD", has: ["dampening", "nesterov"] },
  { name: "AdamW", has: ["amsgrad"], isTrue: "decoupled_weight_decay" },
  { name: "Adam", has: ["amsgrad", "decoupled_weight_decay"] },
  // Before torch 2.7 the two had the same keys.
  { name: "Adam or AdamW", has: ["amsgrad"] },
  { name: "RAdam", has: ["betas", "decoupled_weight_decay"] },
  { name: "SparseAdam", has: ["betas"], lacks: ["weight_decay"] },
  { name: "Adamax", has: ["betas", "foreach"] },
];

/** Fields of torch's schedulers (5.7); the first that fits is taken. */
const SCHEDULERS: readonly Signature[] = [
  { name: "ReduceLROnPlateau", has: ["num_bad_epochs"] },
  { name: "SequentialLR", has: ["_schedulers", "_milestones"] },
  { name: "ChainedScheduler", has: ["_schedulers"] },
  { name: "OneCycleLR", has: ["_schedule_phases"] },
  { name: "CyclicLR", has: ["step_ratio", "scale_mode"] },
  { name: "CosineAnnealingWarmRestarts", has: ["T_0"] },
  { name: "CosineAnnealingLR", has: ["T_max"] },
  { name: "LinearLR", has: ["start_factor"] },
  { name: "PolynomialLR", has: ["power", "total_iters"] },
  { name: "ConstantLR", has: ["factor", "total_iters"] },
  { name: "SWALR", has: ["anneal_epochs"] },
  { name: "MultiStepLR", has: ["milestones"] },
  { name: "StepLR", has: ["step_size", "gamma"] },
  { name: "LambdaLR or MultiplicativeLR", has: ["lr_lambdas"] },
  { name: "ExponentialLR", has: ["gamma", "base_lrs"] },
];

/** The torch optimizer whose param group has these keys; null when it is none of torch's. */
export function identifyOptimizer(paramGroup: PyDict): string | null {
  return identify(paramGroup, OPTIMIZERS);
}

/** The torch scheduler whose state has these fields; null when it is none of torch's. */
export function identifyScheduler(state: PyDict): string | null {
  return identify(state, SCHEDULERS);
}

function identify(state: PyDict, signatures: readonly Signature[]): string | null {
  const match = signatures.find(
    ({ has, lacks = [], isTrue }) =>
      has.every((key) => state.has(key)) &&
      !lacks.some((key) => state.has(key)) &&
      (isTrue === undefined || state.get(isTrue) === true),
  );
  return match?.name ?? null;
}
