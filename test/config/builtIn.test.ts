import { z } from "zod";
import { BUILT_IN } from "../../src/config/builtIn.js";
import { TRAINER_OPTIONS } from "../../src/config/trainerOptions.js";
import { CharGPT } from "../../src/demos/charGPT.js";
import { LitAutoEncoder } from "../../src/demos/litAutoEncoder.js";
import { LitClassifier } from "../../src/demos/litClassifier.js";
import { LitCNN } from "../../src/demos/litCNN.js";
import { MNISTDataModule } from "../../src/demos/mnistDataModule.js";
import { CSVDataModule } from "../../src/demos/csvDataModule.js";
import { TextDataModule } from "../../src/demos/textDataModule.js";
import type { Hparams } from "../../src/core/lightningModule.js";

function argsOf(name: string): z.ZodObject {
  const entry = BUILT_IN.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no ${name}`);
  return entry.args;
}

test("every argument of a built-in class and every trainer option is described", () => {
  const undescribed = BUILT_IN.flatMap(({ name, args }) =>
    Object.entries(args.shape as Record<string, z.ZodType>)
      .filter(([, field]) => (field.description ?? "") === "")
      .map(([key]) => `${name}.${key}`),
  );
  const options = Object.entries(TRAINER_OPTIONS).filter(([, field]) => (field.description ?? "") === "");
  expect([...undescribed, ...options.map(([key]) => key)]).toEqual([]);
});

test.each<[string, Record<string, unknown>, (args: object) => { readonly hparams: Hparams }]>([
  ["LitAutoEncoder", {}, (args) => new LitAutoEncoder(args)],
  ["LitClassifier", {}, (args) => new LitClassifier(args)],
  ["LitCNN", {}, (args) => new LitCNN(args)],
  ["CharGPT", { n_layer: 1 }, (args) => new CharGPT(args)],
  ["TextDataModule", { path: "x.txt" }, (args) => new TextDataModule({ path: "x.txt", ...args })],
  ["MNISTDataModule", {}, (args) => new MNISTDataModule(args)],
  [
    "CSVDataModule",
    { path: "x.csv", target: "y" },
    (args) => new CSVDataModule({ path: "x.csv", target: "y", ...args }),
  ],
])("the schema of %s has the defaults of its constructor", (name, required, build) => {
  expect(build(argsOf(name).parse(required)).hparams).toEqual(build(required).hparams);
});

test("no two built-in classes share a name", () => {
  const names = BUILT_IN.flatMap(({ name, paths }) => [name, ...paths]);
  expect(new Set(names).size).toBe(names.length);
});
