import type { OptimizerSetup } from "../core/lightningModule.js";
import type { Parameter } from "../nn/parameter.js";
import { Adam } from "../optim/adam.js";
import { StepLR } from "../optim/schedules.js";

/** How the demo modules are optimized. */
export interface AdamWithStepsArgs {
  readonly lr: number;
  readonly step_size: number | null;
  readonly gamma: number;
}

/** Adam, and StepLR behind it when a step size is given. */
export function adamWithSteps(parameters: readonly Parameter[], args: AdamWithStepsArgs): OptimizerSetup {
  const optimizer = new Adam(parameters, { lr: args.lr });
  if (args.step_size === null) return optimizer;
  return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: args.step_size, gamma: args.gamma }) };
}
