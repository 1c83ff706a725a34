import { z } from "zod";
import { findPrecision } from "../precision/createPrecision.js";
import { PRECISION_NAMES } from "../precision/precision.js";
import type { ConfigNode } from "./configNode.js";
import { plainOf } from "./configNode.js";

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
  z.boolean().nullable().default(true).describe(description);

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
  limit_train_batches: limit("training"),
  limit_val_batches: limit("validation"),
  limit_test_batches: limit("test"),
  limit_predict_batches: limit("prediction"),
  fast_dev_run: z
    .union([z.boolean(), z.int().min(0)])
    .default(false)
    .describe("Try everything with 1 batch (true) or n batches of training and validation, writing nothing."),
  check_val_every_n_epoch: z.int().min(1).default(1).describe("Validate after every n epochs."),
  num_sanity_val_steps: z
    .int()
    .min(-1)
    .nullable()
    .default(2)
    .describe("Validation batches to try before training starts; -1: all, 0: none."),
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
    .default(50)
    .describe("Steps between two rows of logged training metrics."),
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

const anyBoolean = [true, false, null];

/**
 * Lightning's options that are not here yet, with the values that change nothing: Lightning's own defaults, so that a
 * config which LightningCLI saved in full is read as it is.
 */
const NOT_YET: Readonly<Record<string, readonly unknown[]>> = {
  barebones: [false],
  benchmark: anyBoolean, // a hint to cuDNN, which has no part in this
  detect_anomaly: [false],
  devices: ["auto", 1, "1", null],
  enable_autolog_hparams: [true],
  inference_mode: anyBoolean,
  max_time: [null],
  min_epochs: [null, 0],
  min_steps: [null, 0],
  model_registry: [null],
  num_nodes: [1],
  overfit_batches: [0],
  plugins: [null],
  profiler: [null],
  reload_dataloaders_every_n_epochs: [0],
  strategy: ["auto", null],
  sync_batchnorm: [false],
  use_distributed_sampler: anyBoolean,
  val_check_interval: [null],
};

/** Limits whose float 1.0 is Lightning's default, while the integer 1 is one batch. */
const WHOLE = new Set(["val_check_interval"]);

/** Whether an option is one of Lightning's that ltrain does not have yet. */
export function isNotYet(key: string): boolean {
  return Object.hasOwn(NOT_YET, key);
}

/** Whether the value of an option that is not here yet asks for nothing: Lightning's default. */
export function isHarmless(key: string, node: ConfigNode): boolean {
  if (node.kind === "scalar" && node.isFloat === true && node.value === 1 && WHOLE.has(key)) return true;
  if (key === "devices" && node.kind === "list") return node.items.length === 1; // [0]: the first one
  return (NOT_YET[key] ?? []).includes(plainOf(node));
}

/** All names that `trainer` may have, to find the nearest to a wrong one. */
export const TRAINER_KEYS: readonly string[] = [
  ...Object.keys(TRAINER_OPTIONS),
  "callbacks",
  "logger",
  ...Object.keys(NOT_YET),
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
