import { countParameters } from "../../src/checkpoint/countParameters.js";
import { zerosTensor } from "../../src/storage/hostTensor.js";
import { storedTensor } from "../../src/storage/storedTensor.js";

function namesOfModules(names: readonly string[]): string[] {
  const tensors = new Map(names.map((name) => [name, storedTensor(zerosTensor("float32", [2]))]));
  return countParameters(tensors).modules.map(({ name }) => name);
}

test("modules are counted at the first level where there is more than one", () => {
  expect(namesOfModules(["encoder.0.weight", "encoder.0.bias", "decoder.0.weight"])).toEqual(["encoder", "decoder"]);
  expect(namesOfModules(["model.encoder.0.weight", "model.decoder.0.weight"])).toEqual([
    "model.encoder",
    "model.decoder",
  ]);
  expect(namesOfModules(["net.0.weight", "net.0.bias"])).toEqual(["net.0"]);
  expect(namesOfModules(["weight", "layer.weight"])).toEqual(["", "layer"]);
});

test("many blocks of one kind are counted together", () => {
  const names = Array.from({ length: 100 }, (_, index) => `model.layers.${index}.weight`);
  expect(namesOfModules(names)).toEqual(["model.layers"]);
});
