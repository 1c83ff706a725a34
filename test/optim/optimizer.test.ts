import { LtrainError } from "../../src/errors.js";
import { Parameter } from "../../src/nn/parameter.js";
import { Adam, AdamW, SGD, StepLR, type Optimizer } from "../../src/optim/index.js";
import { keyText } from "../../src/pickle/convert.js";
import { PyDict, PyFloat, PyTuple, type PyValue } from "../../src/pickle/values.js";
import { float32Tensor, float32Values, type HostTensor } from "../../src/storage/hostTensor.js";
import { StoredTensor, storedTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import type { Variable } from "../../src/tensor/variable.js";
import { fixtureJson } from "../tensor/fixture.js";

interface Variant {
  readonly optimizer: "Adam" | "AdamW" | "SGD";
  readonly arguments: Readonly<Record<string, never>>;
  readonly shapes: readonly (readonly number[])[];
  readonly initial: readonly (readonly number[])[];
  readonly grads: readonly (readonly (readonly number[] | null)[])[];
  readonly final: readonly (readonly number[])[];
  readonly state: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}
const variants = fixtureJson("optim/variants.json") as Record<string, Variant>;

const read = (variable: Variable): Promise<HostTensor> => variable.read();
const write = (variable: Variable, value: HostTensor): void => {
  variable.write(value);
};
const parameter = (shape: readonly number[], values?: readonly number[]): Parameter =>
  new Parameter(
    float32Tensor(
      values === undefined ? new Float32Array(shape.reduce((a, b) => a * b, 1)) : Float32Array.from(values),
      shape,
    ),
  );

/** One step with given gradients, as an eager executor does it. */
function step(
  optimizer: Optimizer,
  params: readonly Parameter[],
  grads: readonly (readonly number[] | null)[],
): string[] {
  const scalars = optimizer.hostScalars();
  tf.tidy(() => {
    const tensors = new Map<Parameter, Tensor>();
    params.forEach((param, i) => {
      const grad = grads[i];
      if (grad) tensors.set(param, tf.tensor([...grad], [...param.shape]));
    });
    optimizer.applyGradients(tensors, (name) => tf.scalar(scalars[name] ?? NaN));
  });
  optimizer.afterStep();
  return Object.keys(scalars);
}

function build(variant: Variant, params: readonly Parameter[]): Optimizer {
  const options = Object.fromEntries(
    Object.entries(variant.arguments).map(([name, value]) => [
      name.replace(/_(.)/g, (_, c: string) => c.toUpperCase()),
      value,
    ]),
  );
  return new { Adam, AdamW, SGD }[variant.optimizer](params, options);
}

async function numbers(value: PyValue | undefined): Promise<number[]> {
  return value instanceof StoredTensor ? [...float32Values(await readTensor(value))] : [];
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs((actual[i] ?? NaN) - value)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(value)));
  }
}

async function expectTorch(variant: Variant, optimizer: Optimizer, params: readonly Parameter[]): Promise<void> {
  for (const [i, param] of params.entries())
    expectClose([...float32Values(await param.read())], variant.final[i] ?? []);
  const state = (await optimizer.stateDict(read)).get("state");
  if (!(state instanceof PyDict)) throw new Error("no state");
  expect(state.keys().map(keyText).sort()).toEqual(Object.keys(variant.state)); // JSON has lost their order
  for (const [key, entry] of state) {
    const expected = variant.state[keyText(key)] ?? {};
    if (!(entry instanceof PyDict)) throw new Error("no entry");
    expect(entry.keys()).toEqual(Object.keys(expected));
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
  for (const optimizer of [new Adam(params), new SGD(params, { momentum: 0.9, nesterov: true })]) {
    const names = step(optimizer, params, [
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
      ).toEqual(names);
      expect(tf.memory().numTensors).toBe(count);
    }
  }
});

test("a parameter that missed a step is asked for under another name, since its numbers differ", () => {
  const params = [parameter([1]), parameter([1]), parameter([1])];
  const optimizer = new Adam(params);
  expect(step(optimizer, params, [[1], null, [1]]).every((name) => name.startsWith("0-2."))).toBe(true);
  const names = step(optimizer, params, [[1], [1], [1]]);
  expect(new Set(names.map((name) => name.split(".")[0]))).toEqual(new Set(["0,2", "1"]));
});

describe("the state dict", () => {
  test("has torch's options in torch's order, ints as ints", async () => {
    const dict = await new Adam([parameter([1])], { lr: 1 }).stateDict(read);
    const [group] = dict.get("param_groups") as PyDict[];
    expect(Object.fromEntries(group ?? [])).toEqual({
      lr: new PyFloat(1),
      betas: new PyTuple([new PyFloat(0.9), new PyFloat(0.999)]),
      eps: new PyFloat(1e-8),
      weight_decay: 0,
      amsgrad: false,
      maximize: false,
      foreach: null,
      capturable: false,
      differentiable: false,
      fused: null,
      decoupled_weight_decay: false,
      params: [0],
    });
    expect(group?.keys()).toEqual([
      "lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach", "capturable", "differentiable", "fused",
      "decoupled_weight_decay", "params",
    ]); // prettier-ignore
  });

  test("numbers parameters through the groups; a group's own options come first, as in torch", async () => {
    const params = [parameter([1]), parameter([1]), parameter([1])];
    const optimizer = new SGD(
      [{ params: params.slice(0, 1) }, { params: params.slice(1), weightDecay: 0.5, lr: 0.3 }],
      {
        lr: 0.1,
      },
    );
    const groups = (await optimizer.stateDict(read)).get("param_groups") as PyDict[];
    expect(groups.map((group) => group.get("params"))).toEqual([[0], [1, 2]]);
    expect(groups.map((group) => group.get("lr"))).toEqual([new PyFloat(0.1), new PyFloat(0.3)]);
    expect(groups[1]?.keys().slice(0, 3)).toEqual(["weight_decay", "lr", "momentum"]);
    expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0.1, 0.3]);
  });

  test("gives back the options it was loaded with, in their types, and adds what older files lack", async () => {
    const optimizer = new SGD([parameter([1])], { lr: 0.1 });
    const group = PyDict.from({ lr: 1, momentum: 0, dampening: new PyFloat(0), initial_lr: 2, params: [7] });
    await optimizer.loadStateDict(PyDict.from({ state: new PyDict(), param_groups: [group] }), write);
    const [saved] = (await optimizer.stateDict(read)).get("param_groups") as PyDict[];
    expect(saved?.keys().slice(0, 5)).toEqual(["lr", "momentum", "dampening", "initial_lr", "weight_decay"]);
    expect(saved?.get("lr")).toBe(1);
    expect(saved?.get("dampening")).toEqual(new PyFloat(0));
  });

  test("with a learning rate in a tensor, as capturable optimizers keep it, is read", async () => {
    const optimizer = new Adam([parameter([1])]);
    const dict = await optimizer.stateDict(read);
    const [group] = dict.get("param_groups") as PyDict[];
    group?.set("lr", storedTensor(float32Tensor(Float32Array.of(0.25), [])));
    await optimizer.loadStateDict(dict, write);
    expect(optimizer.paramGroups[0]?.lr).toBe(0.25);
  });

  test("of old torch, whose step is an int, is read", async () => {
    const param = parameter([1]);
    const optimizer = new Adam([param]);
    const slot = (): StoredTensor => storedTensor(float32Tensor(Float32Array.of(1), [1]));
    const [group] = (await optimizer.stateDict(read)).get("param_groups") as PyDict[];
    const entry = PyDict.from({ step: 5, exp_avg: slot(), exp_avg_sq: slot() });
    await optimizer.loadStateDict(
      PyDict.from({ state: new PyDict([[0, entry]]), param_groups: [group ?? null] }),
      write,
    );
    const state = (await optimizer.stateDict(read)).get("state") as PyDict;
    expect(await numbers((state.get(0) as PyDict).get("step"))).toEqual([5]);
  });
});

describe("a state that does not fit", () => {
  const stateOf = async (optimizer: Optimizer, params: readonly Parameter[]): Promise<PyDict> => {
    step(
      optimizer,
      params,
      params.map((param) => new Array<number>(param.shape.reduce((a, b) => a * b, 1)).fill(1)),
    );
    return optimizer.stateDict(read);
  };
  const failure = async (optimizer: Optimizer, dict: PyDict): Promise<LtrainError> => {
    const error: unknown = await optimizer.loadStateDict(dict, write).catch((reason: unknown) => reason);
    if (!(error instanceof LtrainError)) throw new Error("it did not fail");
    expect(error.code).toBe("checkpoint.mismatch");
    return error;
  };

  test("in the number of parameters names both", async () => {
    const params = [parameter([1]), parameter([1])];
    const error = await failure(new Adam([parameter([1])]), await stateOf(new Adam(params), params));
    expect(error.message).toContain("parameters of group 0: 2 in the checkpoint, 1 here");
  });

  test("in the number of groups names both", async () => {
    const params = [parameter([1])];
    const groups = [{ params: [parameter([1])] }, { params: [parameter([1])] }];
    const error = await failure(new Adam(groups), await stateOf(new Adam(params), params));
    expect(error.message).toContain("parameter groups: 1 in the checkpoint, 2 here");
  });

  test("in shapes names each, and changes nothing", async () => {
    const params = [parameter([2, 3]), parameter([4])];
    const dict = await stateOf(new Adam(params), params);
    const optimizer = new Adam([parameter([2, 3]), parameter([5])], { lr: 0.5 });
    const error = await failure(optimizer, dict);
    expect(error.message).toContain("parameter 1: exp_avg is [4] in the checkpoint, the parameter is [5]");
    expect(error.message).toContain("parameter 1: exp_avg_sq is [4]");
    expect(optimizer.paramGroups[0]?.lr).toBe(0.5);
  });

  test("because another optimizer wrote it says what each keeps", async () => {
    const [a, b] = [[parameter([1])], [parameter([1])]];
    const error = await failure(new SGD(b, { momentum: 0.9 }), await stateOf(new Adam(a), a));
    expect(error.message).toContain("the checkpoint has step, exp_avg, exp_avg_sq, SGD needs momentum_buffer");
  });
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
