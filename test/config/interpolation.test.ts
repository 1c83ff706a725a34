import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, type ResolvedConfig } from "../../src/config/loadConfig.js";
import { printConfig } from "../../src/config/printConfig.js";
import { LtrainError } from "../../src/errors.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-interpolation-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const BASE = "model: LitAutoEncoder\ndata: MNISTDataModule\n";

async function load(
  text: string,
  environment: Readonly<Record<string, string>> = {},
  overrides: readonly string[] = [],
): Promise<ResolvedConfig> {
  const path = join(folder, "c.yaml");
  await writeFile(path, text);
  return loadConfig({ files: [path], overrides, environment });
}

async function complaintOf(text: string, environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const error: unknown = await load(text, environment).catch((reason: unknown) => reason);
  if (!(error instanceof LtrainError)) throw new Error("nothing was complained of");
  expect(error.exitCode).toBe(2);
  return error.message.replaceAll(`${folder}/`, "");
}

test("${...} is another key's value with its type, wherever it stands", async () => {
  const { config } = await load(
    [
      "model: {class_path: LitAutoEncoder, init_args: {hidden: 32, latent: '${.hidden}', lr: '${oc.env:LR}'}}",
      "data: {class_path: MNISTDataModule, init_args: {batch_size: '${model.init_args.hidden}'}}",
      "trainer: {max_epochs: '${model.hidden}', default_root_dir: 'runs/${oc.env:USER_NAME}-${data.batch_size}'}",
    ].join("\n"),
    { LR: "0.5", USER_NAME: "ada" },
  );
  expect(config.model.init_args).toMatchObject({ hidden: 32, latent: 32, lr: 0.5 });
  expect(config.data.init_args["batch_size"]).toBe(32);
  expect(config.trainer).toMatchObject({ max_epochs: 32, default_root_dir: "runs/ada-32" });
});

test("a variable that is not set gives way to its default, and an inner ${...} comes first", async () => {
  const { config } = await load(
    `${BASE}seed_everything: \${oc.env:SEED,7}\ntrainer: {max_epochs: '\${oc.env:N,\${seed_everything}}', default_root_dir: '\${oc.env:ROOT,null}'}\n`,
    {},
  );
  expect(config.seed_everything).toBe(7);
  expect(config.trainer).toMatchObject({ max_epochs: 7, default_root_dir: null });
});

test("a number in a variable is text where text is asked for, and \\${ is a plain ${", async () => {
  const { config } = await load(`${BASE}trainer: {default_root_dir: '\${oc.env:RUN}'}\n`, { RUN: "007" });
  expect(config.trainer["default_root_dir"]).toBe("007");
  const escaped = await load(`${BASE}trainer: {default_root_dir: 'a\\\${b}'}\n`);
  expect(escaped.config.trainer["default_root_dir"]).toBe("a${b}");
});

test("what the command line says is what a reference finds", async () => {
  const { config } = await load(`${BASE}trainer: {max_steps: '\${trainer.max_epochs}', max_epochs: 3}\n`, {}, [
    "--trainer.max_epochs",
    "5",
  ]);
  expect(config.trainer).toMatchObject({ max_epochs: 5, max_steps: 5 });
});

test.each([
  [
    "${trainer.max_epoch}",
    "c.yaml:3:22: trainer.max_steps: ${trainer.max_epoch} names no key of this config; did you mean max_epochs?",
  ],
  [
    "${oc.env:NOPE}",
    "c.yaml:3:22: trainer.max_steps: the environment variable NOPE is not set; set it, or write ${oc.env:NOPE,DEFAULT}",
  ],
  [
    "${foo:1}",
    "c.yaml:3:22: trainer.max_steps: ${foo:1}: there is no resolver foo; there is oc.env, as in ${oc.env:NAME,default}",
  ],
  ["${trainer.max_steps}", "c.yaml:3:22: trainer.max_steps: refers to itself: trainer.max_steps -> trainer.max_steps"],
  ["${trainer.max_epochs", 'c.yaml:3:22: trainer.max_steps: ${ is not closed by a } in "${trainer.max_epochs"'],
  ["a ${trainer}", "c.yaml:3:22: trainer.max_steps: ${trainer} is a map, and stands inside a text"],
])("a wrong %s is told with its place and the way out", async (text, said) => {
  expect(await complaintOf(`${BASE}trainer: {max_steps: "${text}", max_epochs: 1}\n`)).toContain(said);
});

test("two keys that refer to each other are told once round the circle", async () => {
  const said = await complaintOf(`${BASE}trainer: {max_steps: "\${.max_epochs}", max_epochs: "\${.max_steps}"}\n`);
  expect(said).toContain("refers to itself: trainer.max_steps -> trainer.max_epochs -> trainer.max_steps");
});

test("variables of the environment set keys, under the config files and the command line", async () => {
  const environment = {
    LTRAIN_TRAINER__MAX_EPOCHS: "4",
    LTRAIN_TRAINER__PRECISION: "bf16-mixed",
    LTRAIN_MODEL__HIDDEN: "16",
    LTRAIN_DATA__INIT_ARGS__BATCH_SIZE: "8",
    LTRAIN_SEED_EVERYTHING: "3",
    LTRAIN_SOFTWARE_GPU: "1", // a setting of ltrain itself
    OTHER__TRAINER: "1",
  };
  const { config, notes } = await load(`${BASE}trainer: {max_epochs: 2}\n`, environment, ["--data.batch_size", "9"]);
  expect(config.trainer).toMatchObject({ max_epochs: 2, precision: "bf16-mixed" });
  expect(config.model.init_args["hidden"]).toBe(16);
  expect(config.data.init_args["batch_size"]).toBe(9);
  expect(config.seed_everything).toBe(3);
  expect(notes).toEqual([
    "LTRAIN_TRAINER__MAX_EPOCHS=4 has no effect: the config says otherwise, and wins over the environment",
  ]);
});

test("a whole config may come from the environment, and a wrong variable is named", async () => {
  const { config } = await loadConfig({
    files: [],
    overrides: [],
    environment: { LTRAIN_MODEL: "LitAutoEncoder", LTRAIN_DATA: "MNISTDataModule" },
  });
  expect(config.model.class_path).toBe("LitAutoEncoder");
  expect(await complaintOf(BASE, { LTRAIN_TRAINER__MAX_EPOCH: "4" })).toBe(
    "LTRAIN_TRAINER__MAX_EPOCH=4: trainer.max_epoch: there is no such key; did you mean max_epochs?",
  );
  expect(await complaintOf(BASE, { LTRAIN_TRANER__MAX_EPOCHS: "4" })).toContain("did you mean trainer?");
});

test("a resumed run keeps its config, whatever the environment says now", async () => {
  const { config } = await load(`${BASE}trainer: {max_epochs: 2, default_root_dir: 'a\\\${b}'}\n`);
  const again = await loadConfig({
    files: [],
    embedded: { config, path: "x.ckpt" },
    overrides: [],
    environment: { LTRAIN_TRAINER__MAX_EPOCHS: "9" },
  });
  expect(printConfig(again.config)).toBe(printConfig(config));
});
