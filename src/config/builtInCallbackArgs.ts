import { z } from "zod";
import { flag } from "./builtInArgs.js";
import { DURATION_EXPECTED, durationArg, timedeltaArg } from "./durationArg.js";

/** init_args of ModelCheckpoint: Lightning's. */
export const modelCheckpointArgs = z.strictObject({
  dirpath: z.string().nullable().default(null).describe("Folder of the files; null: checkpoints/ in the run's folder."),
  filename: z
    .string()
    .nullable()
    .default(null)
    .describe("Template of the names: {epoch}-{val_loss:.2f}. null: {epoch}-{step}."),
  monitor: z
    .string()
    .nullable()
    .default(null)
    .describe("The logged metric that says which is best; null: the newest is."),
  verbose: flag(false, "Say when a checkpoint is saved."),
  save_last: z
    .union([z.boolean(), z.literal("link"), z.null()])
    .default(null)
    .describe("Also keep the newest checkpoint as last.ckpt, a file of its own; link: a second name of the same file."),
  save_best: z
    .union([z.boolean(), z.literal("link")])
    .default(false)
    .describe("Also keep the best checkpoint as best.ckpt, a copy; link: a second name. (ltrain's own option.)"),
  save_top_k: z.int().min(-1).default(1).describe("How many of the best to keep; -1: all, 0: none."),
  save_on_exception: flag(false, "Save when training fails."),
  save_weights_only: flag(
    false,
    "Leave out optimizers, schedulers, callbacks and loops: such a file cannot be resumed.",
  ),
  mode: z.enum(["min", "max"]).default("min").describe("Whether a lower or a higher metric is better."),
  auto_insert_metric_name: flag(true, "Write epoch=3 into the name, instead of 3."),
  every_n_train_steps: z.int().min(0).nullable().default(null).describe("Save every n optimizer steps."),
  train_time_interval: timedeltaArg
    .default(null)
    .meta({ description: "Save after a batch when so much time has passed.", expected: DURATION_EXPECTED }),
  every_n_epochs: z.int().min(0).nullable().default(null).describe("Save every n epochs."),
  save_on_train_epoch_end: z
    .boolean()
    .nullable()
    .default(null)
    .describe("Save at the end of the training epoch (true) or of validation (false); null: whichever is last."),
  enable_version_counter: flag(true, "Write x-v1.ckpt where x.ckpt is there already, instead of replacing it."),
});

/** init_args of ProgressBar. */
export const progressBarArgs = z.strictObject({
  refresh_rate: z.int().min(0).default(1).describe("Batches between two updates; 0: no bar."),
  leave: flag(false, "Leave the bar of every epoch on the screen."),
});

/** init_args of ModelSummary. */
export const modelSummaryArgs = z.strictObject({
  max_depth: z.int().min(-1).default(1).describe("How deep to look into the module; -1: all the way."),
});

/** init_args of EarlyStopping: Lightning's. */
export const earlyStoppingArgs = z.strictObject({
  monitor: z.string().describe("The logged metric that is to get better."),
  min_delta: z.number().default(0).describe("Better is only what is better by more than this."),
  patience: z.int().min(0).default(3).describe("How many checks without a better value end training."),
  verbose: flag(false, "Say when the metric is better than ever."),
  mode: z.enum(["min", "max"]).default("min").describe("Whether a lower or a higher metric is better."),
  strict: flag(true, "Fail when nobody has logged the metric."),
  check_finite: flag(true, "Stop when the metric is infinite or not a number."),
  stopping_threshold: z.number().nullable().default(null).describe("Stop when the metric is better than this."),
  divergence_threshold: z.number().nullable().default(null).describe("Stop when the metric is worse than this."),
  check_on_train_epoch_end: z
    .boolean()
    .nullable()
    .default(null)
    .describe(
      "Check at the end of the training epoch (true) or of validation (false); null: as the trainer validates.",
    ),
  log_rank_zero_only: flag(false, "Which of several processes speaks; there is one."),
});

/** init_args of LearningRateMonitor: Lightning's. */
export const learningRateMonitorArgs = z.strictObject({
  logging_interval: z
    .enum(["step", "epoch"])
    .nullable()
    .default(null)
    .describe("When to log; null: in the rhythm of each optimizer's scheduler."),
  log_momentum: flag(false, "Also log the momentum, or the first of the betas."),
  log_weight_decay: flag(false, "Also log the weight decay."),
});

/** init_args of Timer: Lightning's. */
export const timerArgs = z.strictObject({
  duration: durationArg.default(null).meta({
    description: "How long training may take, over all parts of a resumed run; null: the time is only taken.",
    expected: DURATION_EXPECTED,
  }),
  interval: z.enum(["step", "epoch"]).default("step").describe("When to look: after every batch, or every epoch."),
  verbose: flag(true, "As in Lightning; that the time is up is always told, as the reason why training ended."),
});

/** init_args of GradientAccumulationScheduler: Lightning's. */
export const gradientAccumulationSchedulerArgs = z.strictObject({
  scheduling: z.record(z.string().regex(/^\d+$/), z.int().min(1)).meta({
    description: "Epoch, from 0, to the number of batches that make one optimizer step from then on.",
    expected: "a mapping of epochs to numbers of batches, such as {0: 1, 4: 2}",
  }),
});

const averaging = {
  device: z.string().nullable().default(null).describe("As in Lightning; the average is where the weights are."),
  use_buffers: flag(true, "Also average buffers, such as the statistics of a batch norm."),
};

/** init_args of BackboneFinetuning: Lightning's. */
export const backboneFinetuningArgs = z.strictObject({
  unfreeze_backbone_at_epoch: z.int().min(0).default(10).describe("The epoch, from 0, with which the backbone joins."),
  lambda_func: z.null().default(null).describe("A function: for TypeScript. The backbone's rate doubles every epoch."),
  backbone_initial_ratio_lr: z
    .number()
    .min(0)
    .default(0.1)
    .describe("The first rate of the backbone, as a part of the first group's."),
  backbone_initial_lr: z.number().min(0).nullable().default(null).describe("The first rate of the backbone itself."),
  should_align: flag(true, "Keep the backbone's rate at the first group's once it has come there."),
  initial_denom_lr: z.number().gt(0).default(10).describe("As in Lightning, where the rate above is always given."),
  train_bn: flag(true, "Also train the backbone's batch norms."),
  verbose: flag(false, "Tell both rates in every epoch."),
  rounding: z.int().min(0).max(100).default(12).describe("Decimals of the rates that are told."),
});

/** init_args of StochasticWeightAveraging: Lightning's. */
export const stochasticWeightAveragingArgs = z.strictObject({
  swa_lrs: z
    .union([z.number().gt(0), z.array(z.number().gt(0)).min(1)])
    .meta({ description: "The rate to end at.", expected: "a positive number, or a list with one for each group" }),
  swa_epoch_start: z
    .number()
    .min(0)
    .refine((start) => start <= 1 || Number.isInteger(start))
    .default(0.8)
    .meta({
      description: "The first epoch that is averaged, counted from 1; below 1 it is a part of max_epochs.",
      expected: "an epoch from 1 on, or a part of them below 1",
    }),
  annealing_epochs: z.int().min(0).default(10).describe("Epochs until swa_lrs is reached."),
  annealing_strategy: z.enum(["cos", "linear"]).default("cos").describe("Along half a cosine, or in a line."),
  avg_fn: z.null().default(null).describe("A function: for TypeScript."),
  device: z.string().nullable().default("cpu").describe("As in Lightning; the average is where the weights are."),
});

/** init_args of WeightAveraging: Lightning's. */
export const weightAveragingArgs = z.strictObject(averaging);

/** init_args of EMAWeightAveraging: Lightning's. */
export const emaWeightAveragingArgs = z.strictObject({
  ...averaging,
  decay: z.number().min(0).max(1).default(0.999).describe("The part of the average so far in the next one."),
  update_every_n_steps: z.int().min(0).default(1).describe("Optimizer steps between two updates; 0: not by steps."),
  update_starting_at_step: z.int().min(0).nullable().default(null).describe("The first step, from 0, that counts."),
  update_starting_at_epoch: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe("The epoch from which on every epoch's end counts too; null: none."),
});
