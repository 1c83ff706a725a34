import { fileURLToPath } from "node:url";
import type { HparamValue } from "../../src/core/lightningModule.js";
import { MNIST } from "./runs.js";

type Args = Readonly<Record<string, HparamValue>>;

/** A class and its arguments, as both sides' configs have them. */
interface ClassNode {
  readonly class_path: string;
  readonly init_args: Args;
}

/** A run that both worlds make: which module, which optimizer, which schedule. */
export interface RunCase {
  readonly model: readonly [name: string, args: Args];
  readonly optimizer: readonly [name: string, args: Args];
  readonly scheduler?: readonly [name: string, args: Args];
  /** Whether Lightning, when it resumes, leaves out the schedule's step of that epoch (docs/differences.md). */
  readonly isStepLost?: boolean;
  /** Train on tokens instead of images. */
  readonly tokens?: boolean;
  /** Options of the trainer beside those that all have. */
  readonly trainer?: Args;
}

/** What needs no file. */
const BUILT_IN: readonly string[] = ["LitAutoEncoder", "LitCNN", "CharGPT"];

export const AUTOENCODER = ["LitAutoEncoder", { hidden: 8, latent: 3 }] as const;
const CNN = ["LitCNN", { channels: [2, 3], hidden: 8 }] as const;
const GPT = ["CharGPT", { vocab_size: 8, block_size: 16, n_layer: 2, n_head: 2, n_embd: 8 }] as const;

const inner = (name: string, init_args: Args): ClassNode => ({
  class_path: `torch.optim.lr_scheduler.${name}`,
  init_args,
});

/** A ModelCheckpoint that writes into `dirpath`. */
export const savesTo = (dirpath: string, args: Args): ClassNode => ({
  class_path: "ModelCheckpoint",
  init_args: { dirpath, ...args },
});

const own = (file: string, name: string): string => `${fileURLToPath(new URL(file, import.meta.url))}:${name}`;

/** Every optimizer and every kind of schedule that a config can name, over modules of all kinds. */
export const CASES: readonly RunCase[] = [
  {
    model: AUTOENCODER,
    optimizer: ["SGD", { lr: 0.5, momentum: 0.9, nesterov: true, weight_decay: 0.001 }],
    scheduler: ["StepLR", { step_size: 1, gamma: 0.5 }],
  },
  {
    model: AUTOENCODER,
    optimizer: ["Adam", { lr: 0.02, amsgrad: true }],
    // Lowers the rate once, at the end of the epoch in which ltrain takes over.
    scheduler: ["ReduceLROnPlateau", { monitor: "val_loss", factor: 0.3, patience: 0, threshold: 0.5, cooldown: 9 }],
    isStepLost: true,
  },
  {
    model: ["BatchNormMlp", { hidden: 12 }],
    optimizer: ["AdamW", { lr: 0.005, weight_decay: 0.05 }],
    scheduler: ["OneCycleLR", { max_lr: 0.02, total_steps: 40, interval: "step" }],
  },
  {
    model: ["GroupNormCnn", { channels: 4 }],
    optimizer: ["RMSprop", { lr: 0.002, momentum: 0.5, centered: true, weight_decay: 0.01, eps: 0.01 }],
    scheduler: ["ExponentialLR", { gamma: 0.9, interval: "step", frequency: 2 }],
  },
  {
    model: CNN,
    optimizer: ["SGD", { lr: 0.05, momentum: 0.8 }],
    scheduler: ["CosineAnnealingLR", { T_max: 24, eta_min: 0.001, interval: "step" }],
  },
  {
    model: CNN,
    optimizer: ["Adadelta", { lr: 0.1 }],
    scheduler: ["MultiStepLR", { milestones: [2, 3], gamma: 0.3 }],
  },
  {
    model: GPT,
    optimizer: ["AdamW", { lr: 0.01, betas: [0.9, 0.95] }],
    scheduler: [
      "SequentialLR",
      {
        schedulers: [
          inner("LinearLR", { start_factor: 0.1, total_iters: 8 }),
          inner("CosineAnnealingLR", { T_max: 16 }),
        ] as unknown as HparamValue,
        milestones: [8],
        interval: "step",
      },
    ],
    tokens: true,
    trainer: { gradient_clip_val: 0.5 },
  },
  {
    model: ["Recurrent", { cell: "LSTM", hidden: 8, num_layers: 2 }],
    optimizer: ["Adam", { lr: 0.02, weight_decay: 0.01 }],
    scheduler: ["CosineAnnealingWarmRestarts", { T_0: 5, T_mult: 2, eta_min: 0.001, interval: "step" }],
    tokens: true,
  },
  {
    model: ["Recurrent", { cell: "GRU", freeze: true }],
    optimizer: ["NAdam", { lr: 0.01 }],
    scheduler: ["PolynomialLR", { total_iters: 20, power: 2.0, interval: "step" }],
    tokens: true,
  },
  {
    model: ["TiedAutoEncoder", { hidden: 12 }],
    optimizer: ["Adagrad", { lr: 0.05, lr_decay: 0.01 }],
    scheduler: ["ConstantLR", { factor: 0.5, total_iters: 3 }],
  },
  {
    model: ["Attentive", { width: 8 }],
    optimizer: ["RAdam", { lr: 0.02, weight_decay: 0.01, decoupled_weight_decay: true }],
    scheduler: [
      "ChainedScheduler",
      {
        schedulers: [
          inner("LinearLR", { start_factor: 0.5, total_iters: 10 }),
          inner("ExponentialLR", { gamma: 0.95 }),
        ] as unknown as HparamValue,
        interval: "step",
      },
    ],
    tokens: true,
    trainer: { gradient_clip_val: 0.1, gradient_clip_algorithm: "value" },
  },
  {
    model: AUTOENCODER,
    optimizer: ["Adamax", { lr: 0.02 }],
    scheduler: ["LinearLR", { start_factor: 1.0, end_factor: 0.2, total_iters: 3 }],
  },
  {
    model: CNN,
    optimizer: ["SGD", { lr: 0.02, momentum: 0.9 }],
    scheduler: [
      "CyclicLR",
      { base_lr: 0.02, max_lr: 0.1, step_size_up: 4, mode: "exp_range", gamma: 0.95, interval: "step" },
    ],
  },
];

/** 22 images in batches of 4: six steps an epoch, the last batch smaller. EarlyStopping ends the run after four epochs. */
export const STEPS = 24;

/** From the same seed in both worlds, shuffled, for 200 steps. */
export const FROM_SCRATCH: readonly RunCase[] = [
  { model: AUTOENCODER, optimizer: ["Adam", { lr: 0.005 }] },
  { model: CNN, optimizer: ["SGD", { lr: 0.02, momentum: 0.9 }] },
  { model: GPT, optimizer: ["AdamW", { lr: 0.003 }], tokens: true },
];

/** "Adam {…} with StepLR {…} on LitAutoEncoder". */
export function describeCase({ model, optimizer, scheduler }: RunCase): string {
  const told = ([name, args]: readonly [string, Args]): string => `${name} ${JSON.stringify(args)}`;
  return `${told(optimizer)}${scheduler === undefined ? "" : ` with ${told(scheduler)}`} on ${model[0]}`;
}

/**
 * What both sides are told. Losses never get better by 100, so `EarlyStopping` counts from the second epoch on; three
 * `ModelCheckpoint`s keep the best, every epoch and every fifth step. `preemptAt` ends the run early, as a crash does.
 */
export function handOverConfig(given: RunCase, folder: string, preemptAt?: number): object {
  return configOf(given, folder, {
    size: 22,
    shuffle: false,
    trainer: {
      max_epochs: 9,
      callbacks: [
        { class_path: "EarlyStopping", init_args: { monitor: "val_loss", min_delta: 100, patience: 3 } },
        savesTo(`${folder}/best`, { monitor: "val_loss", save_top_k: 2 }),
        savesTo(`${folder}/epochs`, { every_n_epochs: 1, save_top_k: -1 }),
        savesTo(`${folder}/steps`, { every_n_train_steps: 5, save_top_k: -1 }),
        ...(preemptAt === undefined
          ? []
          : [{ class_path: own("models.ts", "Preempt"), init_args: { step: preemptAt } }]),
      ],
    },
  });
}

/** 200 images in batches of 4, four epochs of 50 steps, each with its validation; saves once. */
export function fromScratchConfig(given: RunCase, folder: string): object {
  return configOf(given, folder, { size: 200, shuffle: true, trainer: { max_epochs: 4, num_sanity_val_steps: 2 } });
}

/** One config for both sides: the first images of MNIST in batches of 4, 8 to validate on. */
export function configOf(
  { model: [model, modelArgs], optimizer, scheduler, tokens = false, trainer }: RunCase,
  folder: string,
  run: { readonly size: number; readonly shuffle: boolean; readonly trainer: object },
): object {
  return {
    seed_everything: 42,
    model: { class_path: BUILT_IN.includes(model) ? model : own("models.ts", model), init_args: modelArgs },
    data: {
      class_path: own("firstImages.ts", "FirstImages"),
      init_args: { folder: MNIST, size: run.size, shuffle: run.shuffle, val_size: 8, batch_size: 4, tokens },
    },
    optimizer: { class_path: `torch.optim.${optimizer[0]}`, init_args: optimizer[1] },
    ...(scheduler === undefined ? {} : { lr_scheduler: inner(...scheduler) }),
    trainer: {
      default_root_dir: folder,
      logger: false,
      accelerator: "cpu",
      engine: "onnxruntime",
      num_sanity_val_steps: 0,
      log_every_n_steps: 1,
      ...run.trainer,
      ...trainer,
    },
  };
}
