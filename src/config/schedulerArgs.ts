import { z } from "zod";

const count = (fallback: number, description: string): z.ZodDefault<z.ZodInt> =>
  z.int().min(0).default(fallback).describe(description);
const gamma = (fallback: number): z.ZodDefault<z.ZodNumber> =>
  z.number().default(fallback).describe("The factor of every change.");
const etaMin = z.number().default(0).describe("The lowest learning rate.");
const flag = (fallback: boolean, description: string): z.ZodDefault<z.ZodBoolean> =>
  z.boolean().default(fallback).describe(description);
const oneOrMany = z.union([z.number(), z.array(z.number())]);
const perGroup = (fallback: number, description: string): z.ZodDefault<typeof oneOrMany> =>
  oneOrMany.default(fallback).meta({ description, expected: "a number, or a list with one for each group" });
const lastEpoch = z.int().min(-1).default(-1).describe("Where a schedule that is not restored goes on; -1: it begins.");

/** Lightning's lr_scheduler_config, beside every schedule's own arguments. */
const rhythm = {
  interval: z.enum(["epoch", "step"]).default("epoch").describe("What the schedule is stepped by."),
  frequency: z.int().min(1).default(1).describe("How many epochs or steps between two of its steps."),
  monitor: z.string().nullable().default(null).describe("The logged metric that it is told."),
  strict: flag(true, "Fail when there is no such metric; otherwise it is only told."),
  name: z.string().nullable().default(null).describe("What the learning rate is called where it is logged."),
};

/** init_args of StepLR: torch's. */
export const stepLrArgs = z.strictObject({
  step_size: z.int().min(1).describe("Epochs between two changes."),
  gamma: gamma(0.1),
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of MultiStepLR: torch's. */
export const multiStepLrArgs = z.strictObject({
  milestones: z.array(z.int().min(0)).describe("Epochs after which the rate changes."),
  gamma: gamma(0.1),
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of ExponentialLR: torch's. */
export const exponentialLrArgs = z.strictObject({
  gamma: z.number().describe("The factor of every change."),
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of ConstantLR: torch's. */
export const constantLrArgs = z.strictObject({
  factor: z
    .number()
    .min(0)
    .max(1)
    .default(1 / 3)
    .describe("What the rate is multiplied with at first."),
  total_iters: count(5, "For how many epochs."),
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of LinearLR: torch's. */
export const linearLrArgs = z.strictObject({
  start_factor: z
    .number()
    .gt(0)
    .max(1)
    .default(1 / 3)
    .describe("The first factor."),
  end_factor: z.number().min(0).max(1).default(1).describe("The last factor."),
  total_iters: count(5, "Epochs between the two."),
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of PolynomialLR: torch's. */
export const polynomialLrArgs = z.strictObject({
  total_iters: count(5, "Epochs until the rate is 0."),
  power: z.number().default(1).describe("The power of the curve; 1: a line."),
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of CosineAnnealingLR: torch's. */
export const cosineAnnealingLrArgs = z.strictObject({
  T_max: z.int().min(1).describe("Epochs from the first learning rate down to eta_min."),
  eta_min: etaMin,
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of CosineAnnealingWarmRestarts: torch's. */
export const cosineAnnealingWarmRestartsArgs = z.strictObject({
  T_0: z.int().min(1).describe("Epochs until the first restart."),
  T_mult: z.int().min(1).default(1).describe("How much longer each round is than the one before."),
  eta_min: etaMin,
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of CyclicLR: torch's, without a scale function. */
export const cyclicLrArgs = z.strictObject({
  base_lr: oneOrMany.meta({ description: "The lowest rate.", expected: "a number, or a list with one for each group" }),
  max_lr: oneOrMany.meta({ description: "The highest rate.", expected: "a number, or a list with one for each group" }),
  step_size_up: z.int().min(1).default(2000).describe("Steps of a cycle's rising half."),
  step_size_down: z.int().min(1).nullable().default(null).describe("Steps of its falling half; null: as many."),
  mode: z
    .enum(["triangular", "triangular2", "exp_range"])
    .default("triangular")
    .describe("Whether cycles stay as high, are halved, or fall with every step."),
  gamma: z.number().default(1).describe("The factor of every step, in exp_range."),
  cycle_momentum: flag(true, "Let momentum go the other way."),
  base_momentum: perGroup(0.8, "The lowest momentum."),
  max_momentum: perGroup(0.9, "The highest momentum."),
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of OneCycleLR: torch's. */
export const oneCycleLrArgs = z.strictObject({
  max_lr: oneOrMany.meta({ description: "The highest rate.", expected: "a number, or a list with one for each group" }),
  total_steps: z.int().min(1).nullable().default(null).describe("Steps of the cycle; null: epochs · steps_per_epoch."),
  epochs: z.int().min(1).nullable().default(null).describe("Epochs of the cycle."),
  steps_per_epoch: z.int().min(1).nullable().default(null).describe("Steps of an epoch."),
  pct_start: z.number().min(0).max(1).default(0.3).describe("The part of the cycle in which the rate rises."),
  anneal_strategy: z.enum(["cos", "linear"]).default("cos").describe("The form of the curve."),
  cycle_momentum: flag(true, "Let momentum go the other way."),
  base_momentum: perGroup(0.85, "The lowest momentum."),
  max_momentum: perGroup(0.95, "The highest momentum."),
  div_factor: z.number().gt(0).default(25).describe("The first rate is max_lr divided by it."),
  final_div_factor: z.number().gt(0).default(1e4).describe("The last rate is the first divided by it."),
  three_phase: flag(false, "Come down to the first rate before going below it."),
  last_epoch: lastEpoch,
  ...rhythm,
});

/** init_args of ReduceLROnPlateau: torch's; Lightning's `monitor` is needed. */
export const reduceLrOnPlateauArgs = z.strictObject({
  mode: z.enum(["min", "max"]).default("min").describe("Whether a lower or a higher metric is better."),
  factor: z.number().lt(1).default(0.1).describe("What the rate is multiplied with."),
  patience: count(10, "Epochs without improvement that are let pass."),
  threshold: z.number().default(1e-4).describe("What counts as an improvement."),
  threshold_mode: z.enum(["rel", "abs"]).default("rel").describe("Whether that is a part of the best value."),
  cooldown: count(0, "Epochs after a reduction that do not count."),
  min_lr: perGroup(0, "The lowest rate."),
  eps: z.number().default(1e-8).describe("A reduction by less is not made."),
  ...rhythm,
  monitor: z.string().describe("The logged metric to watch."),
});

/** init_args of SWALR: torch's. */
export const swaLrArgs = z.strictObject({
  swa_lr: z
    .union([z.number().min(0), z.array(z.number().min(0)).min(1)])
    .meta({ description: "The rate to end at.", expected: "a number, or a list with one for each group" }),
  anneal_epochs: count(10, "Epochs, or steps, until it is reached."),
  anneal_strategy: z.enum(["cos", "linear"]).default("cos").describe("Along half a cosine, or in a line."),
  last_epoch: lastEpoch,
  ...rhythm,
});

/** One schedule inside another one. */
const inner = z.strictObject({
  class_path: z.string(),
  init_args: z.record(z.string(), z.unknown()).default({}),
});
const schedulers = z
  .array(inner)
  .min(1)
  .meta({ description: "The schedules, each a class_path with its init_args.", expected: "a list of schedulers" });

/** init_args of SequentialLR: torch's. */
export const sequentialLrArgs = z.strictObject({
  schedulers,
  milestones: z.array(z.int().min(0)).describe("The step with which each schedule but the first begins."),
  ...rhythm,
});

/** init_args of ChainedScheduler: torch's. */
export const chainedSchedulerArgs = z.strictObject({ schedulers, ...rhythm });
