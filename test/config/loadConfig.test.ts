import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config/loadConfig.js";
import { printConfig } from "../../src/config/printConfig.js";
import { LtrainError } from "../../src/errors.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-config-"));
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const minimal = "model: LitAutoEncoder\ndata: MNISTDataModule\n";

/** What is said about a config, with the folder cut out. */
async function complaintsOf(text: string, overrides: readonly string[] = []): Promise<string[]> {
  const path = await file("c.yaml", text);
  try {
    await loadConfig({ files: [path], overrides });
  } catch (error) {
    if (!(error instanceof LtrainError)) throw error;
    expect(error.exitCode).toBe(2);
    return error.message.replaceAll(`${folder}/`, "").split("\n");
  }
  return [];
}

test("every mistake is told at once, with line, column, what was expected and the nearest name", async () => {
  const said = await complaintsOf(
    [
      "seed_everything: yes please",
      "model:",
      "  class_path: LitAutoEncodr",
      "data:",
      "  class_path: ltrain.demos.MNISTDataModule",
      "  init_args:",
      "    batch_sise: 32",
      "    data_dir: 3",
      "trainer:",
      "  max_epoch: 3",
      "  max_epochs: three",
      "  callbacks:",
      "    - class_path: ModelCheckpoint",
      "      init_args: {monitor: val_loss, mode: minn, save_top_k: -2}",
      "optimiser: Adam",
    ].join("\n"),
    ["--trainer.log_every_n_step", "3"],
  );
  expect(said).toEqual([
    "the config has 10 mistakes",
    '  c.yaml:1:18: seed_everything: expected true, false or an integer from 0 to 4294967295, found "yes please"',
    '  c.yaml:3:15: model.class_path: there is no model called "LitAutoEncodr"; did you mean LitAutoEncoder?',
    "  c.yaml:7:5: data.init_args.batch_sise: there is no such key; did you mean batch_size?",
    "  c.yaml:8:15: data.init_args.data_dir: expected text or null, found 3",
    "  c.yaml:10:3: trainer.max_epoch: there is no such key; did you mean max_epochs?",
    '  c.yaml:11:15: trainer.max_epochs: expected an integer of at least -1 or null, found "three"',
    '  c.yaml:14:44: trainer.callbacks.0.init_args.mode: expected one of min, max, found "minn"',
    "  c.yaml:14:62: trainer.callbacks.0.init_args.save_top_k: expected an integer of at least -1, found -2",
    "  c.yaml:15:1: optimiser: there is no such key; did you mean optimizer?",
    "  --trainer.log_every_n_step 3: trainer.log_every_n_step: there is no such key; did you mean log_every_n_steps?",
  ]);
});

test("a single mistake is the whole message", async () => {
  expect(await complaintsOf(`${minimal}trainer:\n  max_steps: 1.5\n`)).toEqual([
    "c.yaml:4:14: trainer.max_steps: expected an integer of at least -1, found 1.5",
  ]);
});

test("a place inside a list is found", async () => {
  expect(
    await complaintsOf(`${minimal}optimizer:\n  class_path: torch.optim.Adam\n  init_args:\n    betas: [0.9, x]`),
  ).toEqual(['c.yaml:6:18: optimizer.init_args.betas.1: expected a number, found "x"']);
});

test("what is no YAML is told with its place", async () => {
  expect(await complaintsOf("model:\n  - a\n b: c\n")).toEqual([
    "c.yaml:3:1: this is not YAML: all mapping items must start at the same column",
  ]);
  expect(await complaintsOf("model: A\nmodel: B\n")).toEqual(["c.yaml:2:1: this is not YAML: map keys must be unique"]);
});

test("resume_from_checkpoint is answered with what replaces it", async () => {
  expect(await complaintsOf(`${minimal}trainer:\n  resume_from_checkpoint: old/last.ckpt\n`)).toEqual([
    "c.yaml:4:3: trainer.resume_from_checkpoint: this option left Lightning in 2.0; to go on with that run: " +
      "ltrain resume old/last.ckpt; to start from it: ckpt_path at the top level of the config, or --ckpt-path",
  ]);
});

test("Lightning's arguments that ask for what is not here are answered, except at their defaults", async () => {
  expect(await complaintsOf(`${minimal}trainer:\n  max_time: "1:00"\n  devices: 2\n`)).toEqual([
    "the config has 2 mistakes",
    '  c.yaml:4:13: trainer.max_time: expected seconds, "DD:HH:MM:SS", a mapping such as {hours: 1, minutes: 30}, or null, found "1:00"',
    "  c.yaml:5:12: trainer.devices: 2 is not for ltrain: ltrain trains on one device; write devices: 1, and which GPU it is in CUDA_VISIBLE_DEVICES",
  ]);
});

test("a trainer section that LightningCLI 2.6.6 saved in full is read as it is", async () => {
  // pytorch_lightning.Trainer's signature, as `--print_config` writes it
  const path = await file(
    "full.yaml",
    `# pytorch_lightning==2.6.6
seed_everything: true
trainer:
  accelerator: auto
  strategy: auto
  devices: auto
  num_nodes: 1
  precision: null
  logger: null
  callbacks: null
  fast_dev_run: false
  max_epochs: null
  min_epochs: null
  max_steps: -1
  min_steps: null
  max_time: null
  limit_train_batches: null
  limit_val_batches: 1.0
  limit_test_batches: 1.0
  limit_predict_batches: null
  overfit_batches: 0.0
  val_check_interval: 1.0
  check_val_every_n_epoch: 1
  num_sanity_val_steps: null
  log_every_n_steps: null
  enable_checkpointing: null
  enable_progress_bar: null
  enable_model_summary: null
  accumulate_grad_batches: 1
  gradient_clip_val: null
  gradient_clip_algorithm: null
  deterministic: null
  benchmark: null
  inference_mode: true
  use_distributed_sampler: true
  profiler: null
  detect_anomaly: false
  barebones: false
  plugins: null
  sync_batchnorm: false
  reload_dataloaders_every_n_epochs: 0
  default_root_dir: null
  enable_autolog_hparams: true
  model_registry: null
${minimal}ckpt_path: null
`,
  );
  const { config } = await loadConfig({ files: [path], overrides: [] });
  expect(config.trainer["limit_val_batches"]).toBe(null);
});

test("1.0 of the batches is all of them and 1 is one batch", async () => {
  const path = await file("c.yaml", `${minimal}trainer: {limit_train_batches: 1.0, limit_val_batches: 1}`);
  const { config } = await loadConfig({ files: [path], overrides: [] });
  expect([config.trainer["limit_train_batches"], config.trainer["limit_val_batches"]]).toEqual([null, 1]);
  expect(await complaintsOf(`${minimal}trainer: {limit_val_batches: 2.0}`)).toEqual([
    "c.yaml:3:30: trainer.limit_val_batches: expected a fraction from 0.0 to 1.0 or an integer, found 2.0",
  ]);
});

test("of several files the later one wins, key by key, and lists are replaced", async () => {
  const first = await file("a.yaml", `${minimal}trainer: {max_epochs: 1, max_steps: 5, callbacks: [ModelCheckpoint]}`);
  const second = await file(
    "b.json",
    `{"trainer": {"max_epochs": 2, "callbacks": ["ModelSummary"]}, "model": {"init_args": {"lr": 0.5}}}`,
  );
  const { config } = await loadConfig({ files: [first, second], overrides: [] });
  expect([config.trainer["max_epochs"], config.trainer["max_steps"]]).toEqual([2, 5]);
  expect(config.trainer["callbacks"]).toEqual([{ class_path: "ModelSummary", init_args: { max_depth: 1 } }]);
  expect(config.model).toEqual({
    class_path: "LitAutoEncoder",
    init_args: { hidden: 64, latent: 3, lr: 0.5, in_features: 784, step_size: null, gamma: 0.1 },
  });
});

test("a class that changes keeps the init_args that the new one takes, and says which it leaves out", async () => {
  const path = await file(
    "c.yaml",
    "model: {class_path: LitAutoEncoder, init_args: {lr: 0.25, latent: 7}}\ndata: MNISTDataModule",
  );
  const changed = await loadConfig({ files: [path], overrides: ["--model", "LitClassifier"] });
  expect(changed.config.model).toMatchObject({ class_path: "LitClassifier", init_args: { lr: 0.25 } });
  expect(changed.config.model.init_args).not.toHaveProperty("latent");
  expect(changed.notes).toEqual([
    "the class changed from LitAutoEncoder to LitClassifier, which takes no such latent: it is left out",
  ]);
  const same = await loadConfig({ files: [path], overrides: ["--model.class_path", "ltrain.demos.LitAutoEncoder"] });
  expect(same.config.model.init_args).toMatchObject({ latent: 7 });
});

test("overrides are YAML values; --model.lr is short for --model.init_args.lr", async () => {
  const path = await file("c.yaml", minimal);
  const { config } = await loadConfig({
    files: [path],
    overrides: [
      ...["--trainer.max_epochs", "3", "--model.lr=1e-3", "--model.init_args.hidden", "8", "--trainer.max_steps", "-1"],
      ...["--optimizer", "torch.optim.Adam", "--optimizer.betas", "[0.5, 0.75]", "--seed_everything", "7"],
      ...["--trainer.limit_train_batches=0.5", "--trainer.default_root_dir", "007"],
    ],
  });
  expect(config.seed_everything).toBe(7);
  expect(config.model.init_args).toMatchObject({ lr: 0.001, hidden: 8 });
  expect(config.optimizer).toMatchObject({ class_path: "Adam", init_args: { betas: [0.5, 0.75] } });
  expect(config.trainer).toMatchObject({
    max_epochs: 3,
    max_steps: -1,
    limit_train_batches: 0.5,
    default_root_dir: "007",
  });
});

test("overrides reach into the list of callbacks: the last one, one by its number, and one more", async () => {
  const path = await file("c.yaml", `${minimal}trainer: {callbacks: [ModelCheckpoint]}`);
  const { config } = await loadConfig({
    files: [path],
    overrides: [
      ...["--trainer.callbacks.filename", "{epoch}-{val_loss:.2f}", "--trainer.callbacks+=ModelSummary"],
      ...["--trainer.callbacks.max_depth=-1", "--trainer.callbacks.0.monitor", "val_loss"],
    ],
  });
  expect(config.trainer["callbacks"]).toMatchObject([
    { class_path: "ModelCheckpoint", init_args: { filename: "{epoch}-{val_loss:.2f}", monitor: "val_loss" } },
    { class_path: "ModelSummary", init_args: { max_depth: -1 } },
  ]);
});

test("an override that cannot be read is told by its text", async () => {
  expect(await complaintsOf(minimal, ["--trainer.max_epochs"])).toEqual([
    "--trainer.max_epochs: expected a value after it, as in --trainer.max_epochs VALUE",
  ]);
  expect(await complaintsOf(minimal, ["--trainer.max_epochs", "three"])).toEqual([
    '--trainer.max_epochs three: trainer.max_epochs: expected an integer of at least -1 or null, found "three"',
  ]);
});

test("the printed config loads as the same config", async () => {
  const path = await file(
    "c.yaml",
    `${minimal}seed_everything: 3
optimizer: {class_path: torch.optim.SGD, init_args: {momentum: 0.5}}
lr_scheduler: {class_path: StepLR, init_args: {step_size: 2}}
trainer: {limit_train_batches: 1.0, limit_val_batches: 0.5, logger: [CSVLogger], callbacks: [ModelCheckpoint]}`,
  );
  const first = await loadConfig({ files: [path], overrides: ["--trainer.callbacks.filename", "{epoch}: #1"] });
  const printed = await file("printed.yaml", printConfig(first.config));
  const second = await loadConfig({ files: [printed], overrides: [] });
  expect(second.config).toEqual(first.config);
});

test("an anchor and a merge key bring what they name", async () => {
  const path = await file(
    "c.yaml",
    `model: &m {class_path: LitAutoEncoder, init_args: &a {lr: 0.5}}\ndata: MNISTDataModule\n`,
  );
  const merging = await file(
    "d.yaml",
    "x: &a {lr: 0.5}\nmodel: {class_path: LitAutoEncoder, init_args: {<<: *a, latent: 2}}",
  );
  const { config } = await loadConfig({ files: [path], overrides: [] });
  expect(config.model.init_args).toMatchObject({ lr: 0.5 });
  await expect(loadConfig({ files: [path, merging], overrides: [] })).rejects.toThrow(/:1:1: x: there is no such key/);
});

test("a missing config names the nearest one", async () => {
  await file("mnist.yaml", minimal);
  await expect(loadConfig({ files: [join(folder, "mnits.yaml")], overrides: [] })).rejects.toMatchObject({
    code: "file.missing",
    hint: `did you mean ${join(folder, "mnist.yaml")}?`,
  });
});

test("model and data are needed", async () => {
  expect(await complaintsOf("trainer: {max_epochs: 1}")).toEqual([
    "the config has 2 mistakes",
    "  c.yaml:1:1: model: is missing: expected a class_path, such as LitAutoEncoder",
    "  c.yaml:1:1: data: is missing: expected a class_path, such as MNISTDataModule",
  ]);
});

test("a file that is not there, and a file without a class, are told with the way to write it", async () => {
  await file("net.ts", "");
  expect((await complaintsOf("model: ./nett.ts:Net\ndata: ./net.ts\n")).slice(1)).toEqual([
    `  c.yaml:1:8: model.class_path: nett.ts does not exist; did you mean net.ts?`,
    '  c.yaml:2:7: data.class_path: "./net.ts" names no class; write it as ./file.ts:ClassName',
  ]);
});

test("a class of Lightning's that is not here yet is told apart from a misspelt one", async () => {
  expect(await complaintsOf(`${minimal}optimizer: torch.optim.LBFGS\n`)).toEqual([
    "c.yaml:3:12: optimizer.class_path: torch.optim.LBFGS is not here yet; there is SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adamax, NAdam, RAdam",
  ]);
});

test("what a constructor refuses is told with the place of its class", async () => {
  const path = await file(
    "c.yaml",
    `${minimal}trainer:\n  callbacks:\n    - class_path: ModelCheckpoint\n      init_args: {save_top_k: 3}\n`,
  );
  const resolved = await loadConfig({ files: [path], overrides: [] });
  expect(() => resolved.callbacks[0]?.build(undefined)).toThrow(
    /c\.yaml:5:19: .*save_top_k is 3 and nothing is monitored/,
  );
});
