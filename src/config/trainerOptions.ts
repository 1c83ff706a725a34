import { z } from "zod";
import { findPrecision } from "../precision/createPrecision.js";
import { PRECISION_NAMES } from "../precision/precision.js";
import { LIGHTNING_ARGUMENTS } from "../trainer/lightningArguments.js";
import type { ConfigNode } from "./configNode.js";
import { plainOf } from "./configNode.js";
import { DURATION_EXPECTED, clockArg, durationArg } from "./durationArg.js";

/** A limit as Lightning has it: an integer counts batches, a float is a fraction. */
const limit = (what: string): z.ZodType<number | null> =>
  z
    .number()
    .min(0)
    .refine((value) => Number.isInteger(value) || value <= 1)
    .nullable()
    .default(null)
    .meta({
      description: `How much of the ${what} data to use in an epoch: an integer counts batches, a fraction from 0.0 to 1.0 is a part. null: all of it.`,
      expected: "a number of batches (an integer), a fraction from 0.0 to 1.0 or null",
    });

const toggle = (description: string): z.ZodType<boolean | null> =>
  z.boolean().nullable().default(null).describe(`${description} null: true, but for barebones.`);

const least = (description: string): z.ZodType<number | null> =>
  z.int().min(0).nullable().default(null).describe(description);

/** The trainer's options by Lightning's names; `callbacks` and `logger` are classes and read apart. */
export const TRAINER_OPTIONS = {
  accelerator: z
    .enum(["auto", "cpu", "gpu"])
    .default("auto")
    .describe("Where to train: gpu where there is one, cpu, or auto."),
  engine: z
    .enum(["auto", "tfjs", "tfjs-node-gpu", "onnxruntime"])
    .default("auto")
    .describe("What runs the steps; auto picks by the accelerator. (ltrain's own option.)"),
  deterministic: z
    .union([z.boolean(), z.literal("warn"), z.null()])
    .default(null)
    .meta({
      description:
        "The same bits from run to run. On the CPU they always are; true refuses a GPU, where they may not be, warn only says so.",
      expected: "true, false, warn or null",
    }),
  precision: z
    .union([z.string(), z.number(), z.null()])
    .refine((value) => value === null || findPrecision(value) !== undefined)
    .default("32-true")
    .meta({
      description: "The numbers that are counted in: 32-true, 16-mixed, bf16-mixed, 16-true or bf16-true.",
      expected: PRECISION_NAMES.join(", "),
    }),
  max_epochs: z
    .int()
    .min(-1)
    .nullable()
    .default(null)
    .describe("Stop after this many epochs; -1: never. null: 1000 epochs, or without limit when max_steps is given."),
  max_steps: z.int().min(-1).default(-1).describe("Stop after this many optimizer steps; -1: no limit."),
  min_epochs: least("Train at least so many epochs, whatever asks to stop; an interruption always ends training."),
  min_steps: least("Train at least so many optimizer steps, whatever asks to stop."),
  max_time: durationArg.default(null).meta({
    description: "Stop after so much time, over all parts of a resumed run: a Timer is added to the callbacks.",
    expected: DURATION_EXPECTED,
  }),
  overfit_batches: z
    .number()
    .min(0)
    .refine((value) => Number.isInteger(value) || value <= 1)
    .nullable()
    .default(0)
    .meta({
      description:
        "Train and validate on the same few batches every epoch, without shuffling: an integer counts them, a fraction is a part. 0: not; null: on all of them.",
      expected: "a number of batches (an integer), a fraction from 0.0 to 1.0 or null",
    }),
  limit_train_batches: limit("training"),
  limit_val_batches: limit("validation"),
  limit_test_batches: limit("test"),
  limit_predict_batches: limit("prediction"),
  fast_dev_run: z
    .union([z.boolean(), z.int().min(0)])
    .default(false)
    .describe("Try everything with 1 batch (true) or n batches of training and validation, writing nothing."),
  val_check_interval: z
    .union([
      z
        .number()
        .gt(0)
        .refine((value) => Number.isInteger(value) || value <= 1),
      clockArg,
      z.null(),
    ])
    .default(null)
    .meta({
      description:
        "How often to validate: after so many training batches (an integer), after a part of the epoch (a fraction), or when so much time has passed. null or 1.0: at the end of the epoch.",
      expected:
        'a number of batches (an integer), a fraction up to 1.0, "DD:HH:MM:SS", a mapping such as {minutes: 30}, or null',
    }),
  check_val_every_n_epoch: z
    .int()
    .min(1)
    .nullable()
    .default(1)
    .describe("Validate in every n-th epoch. null: val_check_interval counts batches across epochs."),
  reload_dataloaders_every_n_epochs: z
    .int()
    .min(0)
    .default(0)
    .describe("Ask the data module for its loaders again after so many epochs; 0: never."),
  num_sanity_val_steps: z
    .int()
    .min(-1)
    .nullable()
    .default(null)
    .describe("Validation batches to try before training starts; -1: all, 0: none. null: 2, but for barebones."),
  accumulate_grad_batches: z.int().min(1).default(1).describe("Batches whose gradients make one optimizer step."),
  gradient_clip_val: z
    .number()
    .min(0)
    .nullable()
    .default(null)
    .describe("Shorten gradients that are longer than this; null or 0: leave them as they are."),
  gradient_clip_algorithm: z
    .enum(["norm", "value"])
    .nullable()
    .default(null)
    .describe(
      "What gradient_clip_val is compared with: the norm of all gradients together (norm, the default), or every element (value).",
    ),
  log_every_n_steps: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe("Steps between two rows of logged training metrics; 0: none. null: 50, but for barebones."),
  verify_checkpoints: z
    .enum(["full", "header", "off"])
    .default("full")
    .describe(
      "What is read back of a checkpoint before it takes its name: every byte, its structure, nothing. (ltrain's own option.)",
    ),
  async_checkpoints: z
    .boolean()
    .default(true)
    .describe("Train on while a checkpoint is written, at the cost of a copy of the state. (ltrain's own option.)"),
  on_disk_full: z
    .enum(["stop", "pause", "prune"])
    .default("stop")
    .describe(
      "What to do when a checkpoint does not fit: end the run (exit code 6), wait for room, or remove older checkpoints of this run. (ltrain's own option.)",
    ),
  enable_checkpointing: toggle("Save checkpoints: a default ModelCheckpoint where none is among the callbacks."),
  enable_progress_bar: toggle("Show how far training is."),
  enable_model_summary: toggle("Show the module's parts before training."),
  enable_autolog_hparams: z.boolean().default(true).describe("Write the hyperparameters to the loggers."),
  detect_anomaly: z
    .boolean()
    .default(false)
    .describe("Stop at the first number that is not finite, and name the module and the step; costs time."),
  barebones: z
    .boolean()
    .default(false)
    .describe("For measuring speed: no checkpoints, logging, progress bar, model summary or sanity check."),
  default_root_dir: z
    .string()
    .nullable()
    .default(null)
    .describe("The folder that lightning_logs/ is put into; null: the current folder."),
} as const satisfies Record<string, z.ZodType>;

/** The name of a trainer option that is a plain value. */
export type TrainerOption = keyof typeof TRAINER_OPTIONS;

/** Whether a key of `trainer` is a plain option. */
export function isTrainerOption(key: string): key is TrainerOption {
  return Object.hasOwn(TRAINER_OPTIONS, key);
}

/** Whether the value of an argument of Lightning's that asks for something else asks for nothing: its default. */
export function isHarmless(key: string, node: ConfigNode): boolean {
  if (key === "devices" && node.kind === "list") return node.items.length === 1; // [0]: the first one
  return (LIGHTNING_ARGUMENTS[key]?.accepts ?? []).includes(plainOf(node));
}

/** All names that `trainer` may have, to find the nearest to a wrong one. */
export const TRAINER_KEYS: readonly string[] = [
  ...Object.keys(TRAINER_OPTIONS),
  "callbacks",
  "logger",
  ...Object.keys(LIGHTNING_ARGUMENTS),
];

/** Options that Lightning 2.0 took away, with what to write in their place. */
export const GONE: Readonly<Record<string, string>> = {
  resume_from_checkpoint:
    "this option left Lightning in 2.0; to go on with that run: ltrain resume FILE; to start from it: ckpt_path at the top level of the config, or --ckpt-path",
  gpus: "this option left Lightning in 2.0; write accelerator: gpu",
  tpu_cores: "this option left Lightning in 2.0; TPUs are not supported",
  num_processes: "this option left Lightning in 2.0; ltrain trains in one process",
  checkpoint_callback: "this option left Lightning in 1.7; write enable_checkpointing",
  progress_bar_refresh_rate:
    "this option left Lightning in 1.7; write enable_progress_bar, or a ProgressBar under callbacks",
  weights_summary: "this option left Lightning in 1.7; write enable_model_summary",
  weights_save_path: "this option left Lightning in 1.8; write dirpath in a ModelCheckpoint under callbacks",
  flush_logs_every_n_steps: "this option left Lightning in 1.7; write it in a CSVLogger under logger",
  max_nb_epochs: "this option left Lightning in 1.0; write max_epochs",
  train_percent_check: "this option left Lightning in 1.0; write limit_train_batches",
  val_percent_check: "this option left Lightning in 1.0; write limit_val_batches",
  auto_lr_find: "this option left Lightning in 2.0; there is no learning rate finder",
  amp_backend: "this option left Lightning in 2.0; write precision",
  amp_level: "this option left Lightning in 2.0; write precision",
};
