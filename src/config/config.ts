import type { HparamValue } from "../core/lightningModule.js";

/** A class and its constructor's arguments, as LightningCLI writes them. */
export type ClassConfig = {
  readonly class_path: string;
  readonly init_args: Readonly<Record<string, HparamValue>>;
};

/** A model's class, and where its first weights come from. */
export type ModelConfig = ClassConfig & { readonly init_from?: Readonly<Record<string, HparamValue>> };

/** The trainer's options as they stand in the config, complete. */
export type TrainerConfig = Readonly<Record<string, HparamValue>>;

/** A config after merging and checking, in plain data and the names it has in YAML: what is printed and kept in checkpoints. */
export type Config = {
  readonly seed_everything: boolean | number;
  readonly model: ModelConfig;
  readonly data: ClassConfig;
  readonly trainer: TrainerConfig;
  readonly optimizer: ClassConfig | null;
  readonly lr_scheduler: ClassConfig | null;
  readonly ckpt_path: string | null;
};

/** The keys a config may have, in the order they are printed. */
export const CONFIG_KEYS = [
  "seed_everything",
  "model",
  "data",
  "trainer",
  "optimizer",
  "lr_scheduler",
  "ckpt_path",
] as const satisfies readonly (keyof Config)[];
