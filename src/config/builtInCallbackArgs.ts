import { z } from "zod";
import { flag } from "./builtInArgs.js";

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
    .describe("Also keep the newest checkpoint as last.ckpt."),
  save_top_k: z.int().min(-1).default(1).describe("How many of the best to keep; -1: all, 0: none."),
  save_on_exception: flag(false, "Save when training fails."),
  save_weights_only: flag(
    false,
    "Leave out optimizers, schedulers, callbacks and loops: such a file cannot be resumed.",
  ),
  mode: z.enum(["min", "max"]).default("min").describe("Whether a lower or a higher metric is better."),
  auto_insert_metric_name: flag(true, "Write epoch=3 into the name, instead of 3."),
  every_n_train_steps: z.int().min(0).nullable().default(null).describe("Save every n optimizer steps."),
  train_time_interval: z.number().positive().nullable().default(null).describe("Save every so many seconds."),
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
