import { BUILT_IN_CALLBACKS } from "../../src/config/builtInCallbacks.js";
import { kindOfChange } from "../../src/config/changeKinds.js";
import { CONFIG_KEYS } from "../../src/config/config.js";
import { applyChange, configChanges } from "../../src/config/configChanges.js";
import { TRAINER_KEYS } from "../../src/config/trainerOptions.js";

const kindOf = (key: string): string => kindOfChange({ key, before: 1, after: 2 });
const sorted = (keys: readonly string[], kind: string): string[] => keys.filter((key) => kindOf(key) === kind).sort();

/** What says how far, how fast, how loud and where to, and nothing about the numbers. */
const HARMLESS_TRAINER = [
  ...["async_checkpoints", "barebones", "benchmark", "callbacks", "default_root_dir", "detect_anomaly"],
  ...["deterministic", "devices", "enable_autolog_hparams", "enable_checkpointing", "enable_model_summary"],
  ...["enable_progress_bar", "inference_mode", "limit_predict_batches", "limit_test_batches", "log_every_n_steps"],
  ...["logger", "max_epochs", "max_steps", "max_time", "min_epochs", "min_steps", "model_registry", "num_nodes"],
  ...["num_sanity_val_steps", "on_disk_full", "plugins", "profiler", "strategy", "sync_batchnorm"],
  ...["use_distributed_sampler", "verify_checkpoints"],
];
/** What is computed, and in which order and form. */
const MATHEMATICS_TRAINER = [
  ...["accelerator", "accumulate_grad_batches", "check_val_every_n_epoch", "engine", "fast_dev_run"],
  ...["gradient_clip_algorithm", "gradient_clip_val", "limit_train_batches", "limit_val_batches", "overfit_batches"],
  ...["precision", "reload_dataloaders_every_n_epochs", "val_check_interval"],
];

test("every key that trainer may have is sorted, and a new one has to be", () => {
  const keys = TRAINER_KEYS.map((name) => `trainer.${name}`);
  expect(sorted(keys, "harmless")).toEqual(HARMLESS_TRAINER.map((name) => `trainer.${name}`));
  expect(sorted(keys, "changes-the-mathematics")).toEqual(MATHEMATICS_TRAINER.map((name) => `trainer.${name}`));
});

test("every section of a config is sorted, with what is in it", () => {
  const inside = (key: string): string[] => [key, `${key}.class_path`, `${key}.init_args`, `${key}.init_args.anything`];
  const classes = CONFIG_KEYS.filter((key) => !["seed_everything", "ckpt_path", "trainer"].includes(key));
  expect(sorted(classes.flatMap(inside), "harmless")).toEqual([]);
  expect(sorted(["seed_everything", "ckpt_path"], "harmless")).toEqual(["ckpt_path", "seed_everything"]);
  const loading = ["num_workers", "prefetch_factor", "persistent_workers", "pin_memory"];
  expect(loading.map((name) => kindOf(`data.init_args.${name}`))).toEqual(loading.map(() => "harmless"));
  expect(["model.init_from", "model.init_from.path"].map(kindOf)).toEqual(["harmless", "harmless"]);
  expect(["trainer.something_new", "something_new"].map(kindOf)).toEqual(Array(2).fill("changes-the-mathematics"));
});

const callback = (name: string): { class_path: string; init_args: Record<string, number> } => {
  return { class_path: name, init_args: { a: 1 } };
};

test("every built-in callback is sorted; of one of the user's nobody knows what it does", () => {
  const kindWith = (name: string): string =>
    kindOfChange({ key: "trainer.callbacks", before: null, after: [callback(name)] });
  const names = BUILT_IN_CALLBACKS.map(({ name }) => name);
  const watching = names.filter((name) => kindWith(name) === "harmless");
  expect(watching.sort()).toEqual(["LearningRateMonitor", "ModelCheckpoint", "ModelSummary", "ProgressBar"]);
  for (const { name, paths } of BUILT_IN_CALLBACKS) {
    expect(paths.map(kindWith)).toEqual(paths.map(() => kindWith(name)));
  }
  expect(kindWith("./my.ts:Foo")).toBe("changes-the-mathematics");
  expect(kindWith("./my.ts:ModelCheckpoint")).toBe("changes-the-mathematics");
});

test("a callback that stays as it is does not make a change of its neighbours", () => {
  const stopping = callback("EarlyStopping");
  const change = { key: "trainer.callbacks", before: [stopping], after: [callback("ModelCheckpoint"), stopping] };
  expect(kindOfChange(change)).toBe("harmless");
  const other = { ...stopping, init_args: { a: 2 } };
  expect(kindOfChange({ ...change, after: [other] })).toBe("changes-the-mathematics");
});

test("a change made to the config before gives the config after", () => {
  const before = { model: { class_path: "A", init_args: { a: 1, b: [1, 2] } }, trainer: { x: null } };
  const after = { model: { class_path: "B", init_args: { b: [1], c: { d: 4 } } }, trainer: { x: null }, extra: true };
  const changes = configChanges(before, after);
  expect(changes.map(({ key }) => key)).toEqual([
    ...["model.class_path", "model.init_args.a", "model.init_args.b", "model.init_args.c", "extra"],
  ]);
  expect(changes.reduce((config: unknown, change) => applyChange(config, change), before)).toEqual(after);
});
