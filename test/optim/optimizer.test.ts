import type { Parameter } from "../../src/nn/parameter.js";
import { Adam, RAdam, SGD, StepLR, type Optimizer } from "../../src/optim/index.js";
import { keyText } from "../../src/pickle/convert.js";
import { PyDict, PyFloat } from "../../src/pickle/values.js";
import { float32Values } from "../../src/storage/hostTensor.js";
import { tf } from "../../src/tensor/tf.js";
import { fixtureJson } from "../tensor/fixture.js";
import { optimizerOf, type Arguments } from "./build.js";
import { numbers, parameter, read, step, write } from "./steps.js";
import { toTyped, type Typed } from "./typed.js";

interface Variant {
  readonly optimizer: string;
  readonly arguments: Arguments;
  readonly shapes: readonly (readonly number[])[];
  readonly initial: readonly (readonly number[])[];
  readonly grads: readonly (readonly (readonly number[] | null)[])[];
  readonly final: readonly (readonly number[])[];
  readonly state: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  readonly groups: Typed;
}
const variants = fixtureJson("optim/variants.json") as Record<string, Variant>;

const build = (variant: Variant, params: readonly Parameter[]): Optimizer =>
  optimizerOf(variant.optimizer, params, variant.arguments);

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs((actual[i] ?? NaN) - value)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(value)));
  }
}

async function expectTorch(variant: Variant, optimizer: Optimizer, params: readonly Parameter[]): Promise<void> {
  for (const [i, param] of params.entries())
    expectClose([...float32Values(await param.read())], variant.final[i] ?? []);
  const dict = await optimizer.stateDict(read);
  expect(toTyped(dict.get("param_groups") ?? null)).toEqual(variant.groups);
  const state = dict.get("state");
  if (!(state instanceof PyDict)) throw new Error("no state");
  expect(state.keys().map(keyText).sort()).toEqual(Object.keys(variant.state)); // JSON has lost their order
  for (const [key, entry] of state) {
    const expected = variant.state[keyText(key)] ?? {};
    if (!(entry instanceof PyDict)) throw new Error("no entry");
    expect(entry.keys()).toEqual(Object.keys(expected));
    for (const [slot, tensor] of entry) {
      const shape = slot === "step" || slot === "mu_product" ? [] : variant.shapes[Number(key)];
      expect([slot, tensor]).toEqual([slot, expect.objectContaining({ dtype: "float32", shape })]);
    }
    for (const [name, values] of Object.entries(expected)) expectClose(await numbers(entry.get(name)), values);
  }
}

describe.each(Object.entries(variants))("%s", (_name, variant) => {
  const params = (): Parameter[] => variant.shapes.map((shape, i) => parameter(shape, variant.initial[i]));

  test("ends with torch's weights and state", async () => {
    const own = params();
    const optimizer = build(variant, own);
    for (const grads of variant.grads) step(optimizer, own, grads);
    await expectTorch(variant, optimizer, own);
  });

  test("goes on from a saved state as if nothing had been", async () => {
    const [first, second] = [params(), params()];
    const before = build(variant, first);
    for (const grads of variant.grads.slice(0, 3)) step(before, first, grads);
    for (const [i, param] of first.entries()) second[i]?.write(await param.read());
    const after = build(variant, second);
    await after.loadStateDict(await before.stateDict(read), write);
    for (const grads of variant.grads.slice(3)) step(after, second, grads);
    await expectTorch(variant, after, second);
  });
});

test("steps keep no tensors, and ask for the same numbers from the first one on", () => {
  const params = [parameter([3, 2]), parameter([2])];
  const names = ["Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam"];
  const sgd = new SGD(params, { momentum: 0.9, nesterov: true });
  for (const optimizer of [sgd, ...names.map((each) => optimizerOf(each, params, {}))]) {
    const first = step(optimizer, params, [
      [1, 2, 3, 4, 5, 6],
      [1, 2],
    ]);
    const count = tf.memory().numTensors;
    for (let i = 0; i < 3; i += 1) {
      expect(
        step(optimizer, params, [
          [1, 2, 3, 4, 5, 6],
          [1, 2],
        ]),
      ).toEqual(first);
      expect(tf.memory().numTensors).toBe(count);
    }
  }
});

test("RAdam asks for other numbers once it can tell the variance: at its sixth step", () => {
  const params = [parameter([1])];
  const radam = new RAdam(params);
  const asked = Array.from({ length: 7 }, () => step(radam, params, [[1]]).includes("0.rectification"));
  // ρ_t = ρ∞ - 2t·β2^t/(1-β2^t) is 4.996 for t = 5 and 5.994 for t = 6
  expect(asked).toEqual([false, false, false, false, false, true, true]);
});

test("a parameter that missed a step is asked for under another name, since its numbers differ", () => {
  const params = [parameter([1]), parameter([1]), parameter([1])];
  const optimizer = new Adam(params);
  expect(step(optimizer, params, [[1], null, [1]]).every((name) => name.startsWith("0-2."))).toBe(true);
  const names = step(optimizer, params, [[1], [1], [1]]);
  expect(new Set(names.map((name) => name.split(".")[0]))).toEqual(new Set(["0,2", "1"]));
});

test("options that torch refuses are refused", () => {
  const params = [parameter([1])];
  expect(() => new SGD(params, { nesterov: true })).toThrow("Nesterov momentum needs momentum above 0");
  expect(() => new SGD(params, { lr: -1 })).toThrow("SGD's lr is at least 0, got -1");
  expect(() => new Adam(params, { betas: [0.9, 1] })).toThrow("betas lie between 0 and 1");
  expect(() => new Adam([])).toThrow("an optimizer needs parameters");
  expect(() => new Adam([...params, ...params])).toThrow("twice");
  expect(() => new StepLR(new Adam(params), { stepSize: 0 })).toThrow("stepSize");
});

test("StepLR multiplies what the group has, rounding and all", () => {
  const optimizer = new SGD([parameter([1])], { lr: 0.1 });
  const scheduler = new StepLR(optimizer, { stepSize: 2, gamma: 0.1 });
  const seen = Array.from({ length: 5 }, () => {
    scheduler.step();
    return optimizer.paramGroups[0]?.lr;
  });
  // torch 2.13: 0.1·0.1 = 0.010000000000000002, and that ·0.1 = 0.0010000000000000002
  expect(seen).toEqual([0.1, 0.010000000000000002, 0.010000000000000002, 0.0010000000000000002, 0.0010000000000000002]);
  expect(scheduler.lastLr).toEqual([0.0010000000000000002]);
});

test("a scheduler's state is torch's __dict__, and what was loaded comes back as it was", () => {
  const optimizer = new SGD([parameter([1])], { lr: 0.1 });
  const scheduler = new StepLR(optimizer, { stepSize: 3, gamma: 0.5 });
  expect([...scheduler.stateDict()]).toEqual([
    ["step_size", 3],
    ["gamma", new PyFloat(0.5)],
    ["base_lrs", [new PyFloat(0.1)]],
    ["last_epoch", 0],
    ["_step_count", 1],
    ["_is_initial", false],
    ["_get_lr_called_within_step", false],
    ["_last_lr", [new PyFloat(0.1)]],
  ]);
  scheduler.loadStateDict(PyDict.from({ gamma: 1, last_epoch: 2, verbose: false }));
  scheduler.step();
  expect(scheduler.lastEpoch).toBe(3);
  expect(scheduler.stateDict().get("gamma")).toBe(1);
  expect(scheduler.stateDict().get("verbose")).toBe(false);
});
