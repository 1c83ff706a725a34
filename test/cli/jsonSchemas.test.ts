import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Ajv from "ajv";
import { createProgram } from "../../src/cli/program.js";
import { JSON_OUTPUTS, jsonOutputSchema } from "../../src/cli/jsonSchemas/index.js";
import { writeEvent } from "../../src/cli/jsonEvents.js";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { cutOff, flipByte, trainerOptions, SHORT, Worlds } from "../docs/worlds.js";
import type { Finished } from "./spawnLtrain.js";
import { spawnLtrain } from "./spawnLtrain.js";

const ADAM = "lightning/autoencoder-adam-steplr.ckpt";
let worlds: Worlds;
let folder = "";
beforeAll(async () => {
  worlds = await Worlds.create(tmpdir());
  folder = await worlds.folderOf({
    run: { of: "classifier", copies: 2 },
    files: {
      "adam.ckpt": ADAM,
      "resumed.ckpt": "lightning/resumed.ckpt",
      "nested.ckpt": "lightning/hparams-nested.ckpt",
      "sparse.ckpt": "lightning/sparse-adam-embedding.ckpt",
      "old.ckpt": "lightning/old-v1.0-amp-apex.ckpt",
      "objects.ckpt": "sanitize/objects.ckpt",
      "view.pt": "torch/huge-storage-tiny-view.pt",
      "weights.safetensors": "finetuning/pretrained.safetensors",
      "found/cut.ckpt": ADAM,
      "found/sound.ckpt": "lightning/plateau-earlystopping-topk-best.ckpt",
      "flipped.ckpt": ADAM,
    },
  });
  await cutOff(join(folder, "found/cut.ckpt"), 6000);
  await flipByte(join(folder, "flipped.ckpt"), 5830);
});
afterAll(async () => {
  await worlds.dispose();
});

const validators = new Map<string, Ajv.ValidateFunction>();

/** Hold one JSON document against the schema of an output; a member that the schema does not name is a mistake. */
function expectValid(name: string, document: unknown): void {
  const output = JSON_OUTPUTS[name];
  if (output === undefined) throw new Error(`there is no output ${name}`);
  const known = validators.get(name);
  const validate = known ?? new Ajv({ allErrors: true }).compile(jsonOutputSchema(output, { closed: true }));
  validators.set(name, validate);
  const isValid = validate(document);
  expect({ name, errors: isValid === true ? [] : validate.errors }).toEqual({ name, errors: [] });
}

const linesOf = (text: string): unknown[] => text.trim().split("\n").map((line) => JSON.parse(line) as unknown); // prettier-ignore
const events = (lines: readonly unknown[]): unknown[] => lines.map((line) => (line as { event: unknown }).event);

async function ltrain(...args: readonly string[]): Promise<Finished> {
  return spawnLtrain(folder, [...args, "--json"]);
}

const CONFIG = ["--config", "configs/mnist-classifier.yaml", ...trainerOptions(SHORT)];
const RUN = "lightning_logs/version_0";

test("train, its dry run, resume and its plan print what their schemas say", async () => {
  const dry = await ltrain("train", ...CONFIG, "--dry-run");
  expectValid("train-dry-run", JSON.parse(dry.stdout));

  const printed = await ltrain("train", ...CONFIG, "--print-config");
  expectValid("print-config", JSON.parse(printed.stdout));
  expect(JSON.parse(printed.stdout)).toMatchObject({ config: { trainer: SHORT } });

  const trained = await ltrain("train", ...CONFIG);
  expect(trained.code).toBe(0);
  const lines = linesOf(trained.stdout);
  expect(new Set(events(lines))).toEqual(new Set(["fit_start", "step", "validation", "checkpoint", "fit_end"]));
  for (const line of lines) expectValid("train", line);

  expectValid("resume-plan", JSON.parse((await ltrain("resume", RUN, "--plan", "--trainer.max_epochs", "3")).stdout));
  const resumed = await ltrain("resume", RUN, "--trainer.max_epochs", "3");
  expect(resumed.code).toBe(0);
  for (const line of linesOf(resumed.stdout)) expectValid("train", line);
  // Nothing is left to train.
  for (const line of linesOf((await ltrain("resume", RUN)).stdout)) expectValid("train", line);
});

test("a loss that is no number is a word, as everywhere else", () => {
  const terminal = recordingTerminal();
  const step = { epoch: 0, batch: 0, global_step: 1, lr: 0.1, metrics: { a: Infinity, b: -Infinity } };
  writeEvent(terminal.stdout, { event: "step", ...step, loss: NaN });
  const line: unknown = JSON.parse(terminal.output);
  expect(line).toMatchObject({ schema_version: 1, loss: "nan", metrics: { a: "inf", b: "-inf" } });
  expectValid("train", line);
});

test("validate, test, predict and export print what their schemas say", async () => {
  for (const verb of ["validate", "test"]) {
    const { code, stdout } = await ltrain(
      verb,
      RUN,
      `--trainer.limit_${verb === "test" ? "test" : "val"}_batches`,
      "1",
    );
    expect(code).toBe(0);
    expect(events(linesOf(stdout))).toEqual([`${verb}_end`]);
    expectValid("evaluate", JSON.parse(stdout));
  }
  const predicted = await ltrain("predict", RUN, "-o", "out.csv", "--trainer.limit_predict_batches", "1");
  expectValid("evaluate", JSON.parse(predicted.stdout));
  for (const format of ["onnx", "tfjs"]) {
    const { stdout } = await ltrain("export", RUN, "--format", format, "-o", `model.${format}`);
    expectValid("export", JSON.parse(stdout));
  }
  const weights = await ltrain("export", RUN, "--format", "safetensors", "-o", "model.safetensors");
  expectValid("extract", JSON.parse(weights.stdout));
});

/** A command line in this process: the same code, without starting a program. */
async function here(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args, "--json"], terminal);
  return { code, out: terminal.output, err: terminal.messages };
}

const at = (name: string): string => join(folder, name);

test.each(["adam.ckpt", "nested.ckpt", "sparse.ckpt", "old.ckpt", "objects.ckpt", "view.pt", "weights.safetensors"])(
  "inspect prints what its schema says of %s, in every view",
  async (name) => {
    expectValid("inspect", JSON.parse((await here("inspect", at(name))).out));
    const views = ["--stats", "--sizes", "--globals", "--sha256", "--tree", "--keys"];
    expectValid("inspect", JSON.parse((await here("inspect", at(name), ...views)).out));
  },
);

test("inspect --key and inspect of a folder print what their schemas say", async () => {
  const keys = [["hyper_parameters"], ["encoder.l1.2.bias", "--values", "--stats", "--sha256"], ["optimizer_states"]];
  for (const key of keys) {
    const { code, out } = await here("inspect", at("adam.ckpt"), "--key", ...key);
    expect(code).toBe(0);
    expectValid("inspect-key", JSON.parse(out));
  }
  expectValid("inspect-folder", JSON.parse((await here("inspect", at("found"))).out));
  expectValid("inspect-folder", JSON.parse((await here("inspect", at("lightning_logs"))).out));
});

test("extract, convert and sanitize print what their schemas say, of dry runs too", async () => {
  for (const dry of [["--dry-run"], []]) {
    const prefix = ["--prefix", "encoder", "-o", at("encoder.pt"), ...dry];
    expectValid("extract", JSON.parse((await here("extract", at("adam.ckpt"), ...prefix)).out));
    const loss = ["--allow-loss", "-o", at("adam.npz"), ...dry];
    expectValid("convert", JSON.parse((await here("convert", at("adam.ckpt"), ...loss)).out));
    const clean = ["-o", at("clean.ckpt"), ...dry];
    expectValid("sanitize", JSON.parse((await here("sanitize", at("objects.ckpt"), ...clean)).out));
  }
});

test("verify and diff print what their schemas say, of sound and unsound, equal and different files", async () => {
  const files = ["adam.ckpt", "flipped.ckpt", "found/cut.ckpt", "weights.safetensors"].map(at);
  const verified = await here("verify", ...files);
  expect(verified.code).toBe(3);
  expectValid("verify", JSON.parse(verified.out));
  expectValid("error", JSON.parse(verified.err));
  for (const other of ["adam.ckpt", "resumed.ckpt", "found/sound.ckpt"]) {
    expectValid("diff", JSON.parse((await here("diff", at("adam.ckpt"), at(other))).out));
  }
  const renamed = ["--include", "*", "--rename", "encoder=body", "-o", at("renamed.pt")];
  await here("extract", at("adam.ckpt"), ...renamed);
  expectValid("diff", JSON.parse((await here("diff", "--weights", at("adam.ckpt"), at("renamed.pt"))).out));
});

test("runs, plot and report print what their schemas say", async () => {
  expectValid("runs", JSON.parse((await here("runs", at("lightning_logs"))).out));
  expectValid("plot", JSON.parse((await here("plot", at(RUN), at("lightning_logs/version_1"))).out));
  expectValid("report", JSON.parse((await here("report", at(RUN), "-o", at("report.html"))).out));
});

test("init, doctor, completion and a failure print what their schemas say", async () => {
  expectValid("init", JSON.parse((await here("init", at("project"))).out));
  expectValid("doctor", JSON.parse((await ltrain("doctor")).stdout));
  for (const shell of ["bash", "zsh", "fish"]) expectValid("completion", JSON.parse((await here("completion", shell)).out)); // prettier-ignore
  const { code, err } = await here("inspect", at("nowhere.ckpt"));
  expect(code).toBe(4);
  expectValid("error", JSON.parse(err));
});

test("every command has --json, and every kind of output was held against its schema above", () => {
  const { commands } = createProgram(recordingTerminal(), () => undefined);
  for (const command of commands) {
    expect([command.name(), command.options.some(({ long }) => long === "--json")]).toEqual([command.name(), true]);
  }
  expect([...validators.keys()].sort()).toEqual(Object.keys(JSON_OUTPUTS).sort());
});

test("ltrain schema prints each of them, the build puts them into the package, and an unknown name is answered", async () => {
  for (const [name, output] of Object.entries(JSON_OUTPUTS)) {
    const printed: unknown = JSON.parse((await here("schema", name)).out);
    expect(printed).toEqual(jsonOutputSchema(output));
    expect(printed).toMatchObject({ $schema: "http://json-schema.org/draft-07/schema#", title: output.printedBy });
    const built = new URL(`../../dist/schemas/${name}.schema.json`, import.meta.url);
    expect(JSON.parse(readFileSync(built, "utf8"))).toEqual(printed);
  }
  expect(await here("schema", "inspekt")).toMatchObject({ code: 2, err: expect.stringContaining("did you mean") as string }); // prettier-ignore
});

test("a program that reads by a schema is not broken by a member that comes later", () => {
  const later = { schema_version: 1, path: "report.html", bytes: 3, runs: [], pages: 2 };
  const report = JSON_OUTPUTS["report"];
  if (report === undefined) throw new Error("there is no output report");
  expect(new Ajv().validate(jsonOutputSchema(report), later)).toBe(true);
  expect(new Ajv().validate(jsonOutputSchema(report, { closed: true }), later)).toBe(false);
});
