import { LIGHTNING_ARGUMENTS } from "../trainer/lightningArguments.js";
import type { ConfigChange } from "./configChanges.js";
import type { TrainerOption } from "./trainerOptions.js";

/** What a changed key does to a run that goes on: nothing to its numbers, or something. */
export type ChangeKind = "harmless" | "changes-the-mathematics";

/** How far, how fast, how loud and where to; or what is computed. */
const TRAINER_KINDS: Readonly<Record<TrainerOption, ChangeKind>> = {
  accelerator: "changes-the-mathematics", // another device gives other last bits
  engine: "changes-the-mathematics",
  deterministic: "harmless",
  precision: "changes-the-mathematics",
  max_epochs: "harmless",
  max_steps: "harmless",
  min_epochs: "harmless",
  min_steps: "harmless",
  max_time: "harmless",
  overfit_batches: "changes-the-mathematics",
  limit_train_batches: "changes-the-mathematics",
  limit_val_batches: "changes-the-mathematics", // what is best, and schedules that watch a metric
  limit_test_batches: "harmless",
  limit_predict_batches: "harmless",
  fast_dev_run: "changes-the-mathematics",
  val_check_interval: "changes-the-mathematics",
  check_val_every_n_epoch: "changes-the-mathematics",
  reload_dataloaders_every_n_epochs: "changes-the-mathematics",
  num_sanity_val_steps: "harmless",
  accumulate_grad_batches: "changes-the-mathematics",
  gradient_clip_val: "changes-the-mathematics",
  gradient_clip_algorithm: "changes-the-mathematics",
  log_every_n_steps: "harmless",
  verify_checkpoints: "harmless",
  async_checkpoints: "harmless",
  on_disk_full: "harmless",
  enable_checkpointing: "harmless",
  enable_progress_bar: "harmless",
  enable_model_summary: "harmless",
  enable_autolog_hparams: "harmless",
  detect_anomaly: "harmless",
  barebones: "harmless",
  default_root_dir: "harmless",
};

/** Arguments of data modules that say how batches are made, and not of what. */
const HARMLESS_DATA = new Set(["num_workers", "prefetch_factor", "persistent_workers", "pin_memory"]);

/** Built-in callbacks that watch, save and draw; the others, and the user's own, may end or change training. */
const WATCHING = /^(\w+\.)*(ModelCheckpoint|LearningRateMonitor|(Rich)?ModelSummary|(TQDM|Rich)?ProgressBar)$/;

/** What a change does; of what is not known to be harmless it is said that it changes the mathematics. */
export function kindOfChange({ key, before, after }: ConfigChange): ChangeKind {
  const [section = "", name = "", ...rest] = key.split(".");
  if (section === "trainer") return trainerKind(name, [before, after]);
  if (section === "data" && name === "init_args" && HARMLESS_DATA.has(rest[0] ?? "")) return "harmless";
  // Weights come from the checkpoint, and random numbers go on from there.
  if (section === "seed_everything" || section === "ckpt_path") return "harmless";
  return key === "model.init_from" || key.startsWith("model.init_from.") ? "harmless" : "changes-the-mathematics";
}

function trainerKind(name: string, [before, after]: readonly [unknown, unknown]): ChangeKind {
  // Of Lightning's own arguments only those are taken that change nothing here.
  if (name === "logger" || Object.hasOwn(LIGHTNING_ARGUMENTS, name)) return "harmless";
  if (name === "callbacks") return steering(before) === steering(after) ? "harmless" : "changes-the-mathematics";
  return Object.hasOwn(TRAINER_KINDS, name) ? TRAINER_KINDS[name as TrainerOption] : "changes-the-mathematics";
}

/** Those of a list of callbacks that may change training, as text. */
function steering(callbacks: unknown): string {
  const list: readonly unknown[] = Array.isArray(callbacks) ? callbacks : [];
  const isWatching = (each: unknown): boolean =>
    WATCHING.test(String((each as { readonly class_path?: unknown } | null)?.class_path));
  return JSON.stringify(list.filter((each) => !isWatching(each)));
}
