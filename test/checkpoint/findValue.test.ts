import { findValue } from "../../src/checkpoint/findValue.js";
import { LtrainError } from "../../src/errors.js";
import { float, tuple } from "../../src/pickle/convert.js";
import { PyDict, PyGlobal, PyObject } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { storedTensor } from "../../src/storage/storedTensor.js";

const tensor = storedTensor({ dtype: "float32", shape: [1], bytes: new Uint8Array(4) });
const other = storedTensor({ dtype: "float32", shape: [1], bytes: new Uint8Array(4) });
const namespace = new PyObject(new PyGlobal("argparse", "Namespace"), tuple(), { how: "newobj" });
namespace.state = PyDict.from({ lr: float(0.5) });
const state = new PyDict([[0, PyDict.from({ exp_avg: tensor })]]);
const root = PyDict.from({
  epoch: 3,
  "a.b": 1,
  a: PyDict.from({ b: 2, "": 3 }),
  state_dict: PyDict.from({ "encoder.0.weight": tensor, "encoder.0": other, 'quo"te': other, epoch: tensor }),
  hyper_parameters: PyDict.from({ lr: float(0.1), "layer[0]": "odd", betas: tuple(float(0.9), float(0.999)) }),
  namespace,
  optimizer_states: [PyDict.from({ state, param_groups: [PyDict.from({ lr: float(0.01) })] })],
});
root.set(tuple(1, "a"), "tuple");

const PATHS: readonly [string, string, PyValue][] = [
  ["epoch", "epoch", 3], // the file's own comes before a key of the state_dict
  ["hyper_parameters.lr", 'hyper_parameters["lr"]', float(0.1)],
  ["hyper_parameters['lr']", 'hyper_parameters["lr"]', float(0.1)],
  ["hyper_parameters.betas[1]", 'hyper_parameters["betas"][1]', float(0.999)],
  ["hyper_parameters.betas.1", 'hyper_parameters["betas"][1]', float(0.999)],
  ["hyper_parameters.layer[0]", 'hyper_parameters["layer[0]"]', "odd"],
  ["optimizer_states[0].param_groups[0].lr", 'optimizer_states[0]["param_groups"][0]["lr"]', float(0.01)],
  ["optimizer_states[0].state[0].exp_avg", 'optimizer_states[0]["state"][0]["exp_avg"]', tensor],
  ["optimizer_states.0.state.0.exp_avg", 'optimizer_states[0]["state"][0]["exp_avg"]', tensor],
  ['state_dict["encoder.0.weight"]', 'state_dict["encoder.0.weight"]', tensor],
  ["state_dict.encoder.0.weight", 'state_dict["encoder.0.weight"]', tensor],
  ["state_dict.encoder.0", 'state_dict["encoder.0"]', other],
  ["encoder.0.weight", 'state_dict["encoder.0.weight"]', tensor],
  ['state_dict["quo\\"te"]', 'state_dict["quo\\"te"]', other],
  ["a.b", '["a.b"]', 1], // the longest name first
  ["a.b.", "", null],
  ["namespace.lr", "namespace.lr", float(0.5)],
  ['a[""]', 'a[""]', 3],
  ["[(1, 'a')]", "[(1, 'a')]", "tuple"],
  ["$", "$", root],
];

test.each(PATHS.filter(([, path]) => path !== ""))("%s is the value at %s", (path, expected, value) => {
  const found = findValue(root, path);
  expect(found.path).toBe(expected);
  expect(found.value).toEqual(value);
});

function complaint(path: string): string {
  try {
    findValue(root, path);
  } catch (error) {
    if (error instanceof LtrainError) return `${error.code}: ${error.message} (${error.hint ?? ""})`;
  }
  throw new Error("nothing was thrown");
}

test("a path that leads nowhere names the nearest, and what is there", () => {
  expect(complaint("hyper_parameters.lrr")).toBe(
    'key.missing: there is no hyper_parameters.lrr: hyper_parameters has no "lrr" ' +
      '(did you mean "lr"? hyper_parameters has lr, layer[0], betas)',
  );
  expect(complaint("encoder.0.wieght")).toContain('did you mean "encoder.0.weight"?');
  expect(complaint("hyper_paramters.lr")).toContain('did you mean "hyper_parameters"?');
  expect(complaint("hyper_parameters.betas[2]")).toContain('hyper_parameters["betas"] has [0] to [1]');
  expect(complaint("epoch.x")).toContain("epoch is 3");
  expect(complaint("a.b.")).toMatch(/^key\.missing/);
});

test("a value that holds itself is no trap", () => {
  const loop = new PyDict();
  loop.set("", loop);
  loop.set("self", loop);
  expect(findValue(loop, "self.self.self").value).toBe(loop);
  expect(() => findValue(loop, "self.other")).toThrow(LtrainError);
});
