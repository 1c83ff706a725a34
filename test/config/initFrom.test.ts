import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { instantiate } from "../../src/config/instantiate.js";
import type { ResolvedConfig } from "../../src/config/loadConfig.js";
import { loadConfig } from "../../src/config/loadConfig.js";
import { printConfig } from "../../src/config/printConfig.js";
import { LtrainError } from "../../src/errors.js";

const AUTOENCODER = fileURLToPath(
  new URL("../fixtures/lightning/autoencoder-adam-steplr-3ep-lr1e-3.ckpt", import.meta.url),
);
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-init-"));
});

async function config(model: string, overrides: readonly string[] = []): Promise<ResolvedConfig> {
  const path = join(folder, "c.yaml");
  await writeFile(path, `seed_everything: 1\nmodel:\n  class_path: LitAutoEncoder\n${model}\ndata: MNISTDataModule\n`);
  return loadConfig({ files: [path], overrides });
}

async function refusal(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (error instanceof LtrainError)
      return error.message.replaceAll(`${folder}/`, "").replaceAll(dirname(AUTOENCODER), "…");
    throw error;
  }
  throw new Error("it was not refused");
}

test("a path alone, or a mapping whose path the command line completes, is kept with the path in full", async () => {
  await writeFile(join(folder, "w.pt"), "");
  expect((await config("  init_from: w.pt")).config.model.init_from).toEqual({ path: join(folder, "w.pt") });
  const { initFrom, config: kept } = await config("  init_from: w.pt", ["--model.init_from.strict", "false"]);
  expect(initFrom?.config).toEqual({ path: join(folder, "w.pt"), strict: false });
  const printed = join(folder, "printed.yaml");
  await writeFile(printed, printConfig(kept));
  expect((await loadConfig({ files: [printed], overrides: [] })).config).toEqual(kept);
  expect((await config("  init_from: https://host/w.pt")).initFrom?.path).toBe("https://host/w.pt");
  const none = await config("  init_from: null");
  expect([none.initFrom, Object.keys(none.config.model)]).toEqual([null, ["class_path", "init_args"]]);
});

test("what is wrong with it is told with line and column, with the other mistakes", async () => {
  const told = await refusal(() => config("  init_from: {path: w.pt, strikt: true, prefix: 3}\n  init_form: x"));
  expect(told.split("\n")).toEqual([
    "the config has 3 mistakes",
    "  c.yaml:4:27: model.init_from.strikt: there is no such key; did you mean strict?",
    "  c.yaml:4:49: model.init_from.prefix: expected a name or a list of names, found 3",
    "  c.yaml:5:3: model.init_form: there is no such key; did you mean init_from? (an argument stands under init_args)",
  ]);
  expect(await refusal(() => config("  init_from: [w.pt]"))).toBe(
    "c.yaml:4:14: model.init_from: expected a path, or a mapping with one, found a list of 1",
  );
  expect(await refusal(() => config("  init_from: {strict: true}"))).toContain("model.init_from.path: is missing");
});

test("a file that is not there, or does not fit, is put down to its line", async () => {
  const missing = await config("  init_from: nothing.pt");
  expect(await refusal(() => missing.initFrom?.load(instantiate(missing).module) ?? Promise.resolve())).toMatch(
    /^c\.yaml:4:14: .*nothing\.pt/,
  );
  const other = await config(
    `  init_args: {in_features: 8, hidden: 5, latent: 3}\n  init_from:\n    path: ${AUTOENCODER}`,
  );
  const told = await refusal(() => other.initFrom?.load(instantiate(other).module) ?? Promise.resolve());
  expect(told).toMatch(/^c\.yaml:6:11: ….*: the state_dict does not fit LitAutoEncoder\n/);
});
