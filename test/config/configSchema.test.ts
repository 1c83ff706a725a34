import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Ajv from "ajv";
import { parse } from "yaml";
import { run } from "../../src/cli/main.js";
import { BUILT_IN } from "../../src/config/builtIn.js";
import { configSchema } from "../../src/config/configSchema.js";
import { loadConfig } from "../../src/config/loadConfig.js";
import { recordingTerminal } from "../../src/io/console.js";
import { LIGHTNING_ARGUMENTS } from "../../src/trainer/lightningArguments.js";

const CONFIGS = fileURLToPath(new URL("../../configs/", import.meta.url));
const validate = new Ajv({ allErrors: true }).compile(configSchema()); // compiling checks it against draft 7 itself

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-schema-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** What the loader says of the same text. */
async function loads(text: string): Promise<boolean> {
  const path = join(folder, "c.yaml");
  await writeFile(path, text);
  return loadConfig({ files: [path], overrides: [] }).then(
    () => true,
    () => false,
  );
}

const BASE = "model: LitAutoEncoder\ndata: MNISTDataModule\n";

test("ltrain schema prints the schema as JSON, and nothing else", async () => {
  const terminal = recordingTerminal();
  expect(await run(["node", "ltrain", "schema"], terminal)).toBe(0);
  expect(JSON.parse(terminal.output)).toEqual(JSON.parse(JSON.stringify(configSchema())));
});

test("every config that comes with ltrain fits the schema and names it for editors", async () => {
  const configs = (await readdir(CONFIGS)).filter((name) => name.endsWith(".yaml"));
  const examples = (await readdir(join(CONFIGS, "../examples"))).map((name) => `../examples/${name}/config.yaml`);
  expect([configs.length > 3, examples.length > 3]).toEqual([true, true]);
  for (const name of [...configs, ...examples]) {
    const text = await readFile(join(CONFIGS, name), "utf8");
    expect([name, validate(parse(text)), validate.errors]).toEqual([name, true, null]);
    const schema = `${name.startsWith("..") ? "../../" : "../"}dist/config.schema.json`;
    expect(text.split("\n", 1)[0]).toBe(`# yaml-language-server: $schema=${schema}`);
  }
});

test.each([
  BASE,
  `$schema: ../dist/config.schema.json\n${BASE}`,
  "model: {class_path: ltrain.demos.LitAutoEncoder, init_args: {hidden: 8, lr: 0.1}}\ndata: {class_path: MNISTDataModule, init_args: null}\n",
  `${BASE}seed_everything: true\nckpt_path: null\noptimizer: {class_path: torch.optim.AdamW, init_args: {lr: 0.1, betas: [0.9, 0.99]}}\nlr_scheduler: null\n`,
  `${BASE}optimizer: SGD\nlr_scheduler: {class_path: StepLR, init_args: {step_size: 2}}\n`,
  `${BASE}trainer: {max_epochs: 2, limit_train_batches: 0.5, precision: bf16-mixed, logger: false, callbacks: ModelSummary}\n`,
  `${BASE}trainer: {callbacks: [{class_path: EarlyStopping, init_args: {monitor: val_loss, mode: min}}, LearningRateMonitor]}\n`,
  `${BASE}trainer: {logger: [{class_path: lightning.pytorch.loggers.CSVLogger, init_args: {save_dir: logs}}]}\n`,
  `${BASE}trainer: {max_epochs: 3, max_steps: "\${.max_epochs}", precision: "\${oc.env:P,bf16-mixed}"}\n`,
  "model: {class_path: LitAutoEncoder, init_from: a.pt, init_args: {hidden: '${.latent}', latent: 4}}\ndata: MNISTDataModule\n",
  "model: {class_path: LitAutoEncoder, init_from: {path: a.pt, prefix: [encoder.], strict: false}}\ndata: MNISTDataModule\n",
  // As LightningCLI saves a run's config: Lightning's own arguments at their defaults.
  `${BASE}trainer: {devices: auto, num_nodes: 1, strategy: auto, benchmark: null, inference_mode: true, use_distributed_sampler: true, profiler: null, plugins: null, sync_batchnorm: false, model_registry: null}\n`,
  `${BASE}trainer: {devices: "\${oc.env:LTRAIN_TEST_DEVICES,1}"}\n`,
])("schema and loader both take %j", async (text) => {
  expect([validate(parse(text)), validate.errors]).toEqual([true, null]);
  expect(await loads(text)).toBe(true);
});

test.each([
  `${BASE}sede_everything: 1\n`,
  `${BASE}seed_everything: -1\n`,
  "model: LitAutoEncodr\ndata: MNISTDataModule\n",
  "model: MNISTDataModule\ndata: MNISTDataModule\n",
  "model: {init_args: {hidden: 8}}\ndata: MNISTDataModule\n",
  "model: {class_path: LitAutoEncoder, init_args: {hiden: 8}}\ndata: MNISTDataModule\n",
  "model: {class_path: LitAutoEncoder, init_args: {hidden: 0}}\ndata: MNISTDataModule\n",
  "model: {class_path: LitAutoEncoder, init_arg: {hidden: 8}}\ndata: MNISTDataModule\n",
  "model: LitAutoEncoder\ndata: {class_path: CSVDataModule}\n",
  `${BASE}optimizer: {class_path: AdamW, init_args: {betas: [0.9]}}\n`,
  `${BASE}optimizer: SGD\nlr_scheduler: StepLR2\n`,
  `${BASE}trainer: {max_epoch: 2}\n`,
  "model: {class_path: LitAutoEncoder, init_from: {file: a.pt}}\ndata: MNISTDataModule\n",
  "model: LitAutoEncoder\ndata: {class_path: MNISTDataModule, init_from: a.pt}\n",
  `${BASE}trainer: {max_epochs: two}\n`,
  `${BASE}trainer: {resume_from_checkpoint: a.ckpt}\n`,
  `${BASE}trainer: {gradient_clip_algorithm: nrom}\n`,
  `${BASE}trainer: {callbacks: [{class_path: EarlyStopping, init_args: {}}]}\n`,
  `${BASE}trainer: {callbacks: [{class_path: EarlyStopping, init_args: {monitor: a, mode: lower}}]}\n`,
  `${BASE}trainer: {logger: CSVLoger}\n`,
  `${BASE}trainer: {devices: 2}\n`,
  `${BASE}trainer: {strategy: ddp}\n`,
  `${BASE}trainer: {num_nodes: null}\n`,
])("schema and loader both refuse %j", async (text) => {
  expect(validate(parse(text))).toBe(false);
  expect(await loads(text)).toBe(false);
});

test("every init_arg of every built-in class has its docs in the schema", () => {
  const { definitions } = JSON.parse(JSON.stringify(configSchema())) as {
    readonly definitions: Readonly<
      Record<string, { readonly properties?: Readonly<Record<string, { description?: string }>> }>
    >;
  };
  for (const { kind, name, args } of BUILT_IN) {
    const { properties = {} } = definitions[`${kind}.${name}`] ?? {};
    expect(Object.keys(properties).sort()).toEqual(Object.keys(args.shape).sort());
    for (const [key, { description }] of Object.entries(properties)) {
      expect([name, key, (description ?? "").length > 3]).toEqual([name, key, true]);
    }
  }
});

test("of Lightning's arguments schema and loader take the same values", async () => {
  const values = [null, true, false, 1, 2, "1", -1, "auto", "ddp", "simple"];
  for (const key of Object.keys(LIGHTNING_ARGUMENTS)) {
    for (const value of values) {
      const text = `${BASE}trainer: {${key}: ${JSON.stringify(value)}}\n`;
      expect([key, value, validate(parse(text))]).toEqual([key, value, await loads(text)]);
    }
  }
});
