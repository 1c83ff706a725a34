import { LtrainError } from "../../src/errors.js";
import type { Parameter } from "../../src/nn/parameter.js";
import { Adagrad, Adam, NAdam, SGD, type Optimizer } from "../../src/optim/index.js";
import { PyDict, PyFloat, PyTuple } from "../../src/pickle/values.js";
import { float32Tensor, float32Values } from "../../src/storage/hostTensor.js";
import { storedTensor, type StoredTensor } from "../../src/storage/storedTensor.js";
import { numbers, parameter, read, step, write } from "./steps.js";
import { toTyped } from "./typed.js";

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

describe("param groups", () => {
  test("come later too, with the optimizer's options and torch's names for what they say themselves", async () => {
    const [a, b] = [parameter([1]), parameter([2])];
    const optimizer = new SGD([a], { lr: 0.5, momentum: 0.9 });
    step(optimizer, [a], [[1]]);
    optimizer.addParamGroup({ params: [b], weightDecay: 0.1 });
    expect(step(optimizer, [a, b], [[1], [1, 1]]).map((name) => name.split(".")[0])).toContain("1");
    const dict = await optimizer.stateDict(read);
    const groups = dict.get("param_groups") as PyDict[];
    expect(groups.map((group) => group.get("params"))).toEqual([[0], [1]]);
    expect(groups[1]?.keys().slice(0, 3)).toEqual(["weight_decay", "lr", "momentum"]);
    expect((dict.get("state") as PyDict).keys()).toEqual([0, 1]);
    expect([...float32Values(await b.read())]).toEqual([-0.5, -0.5]);
    expect(() => {
      optimizer.addParamGroup({ params: [b] });
    }).toThrow("twice");
  });

  test("carry their parameters' names into the file, before the options, as torch has it", async () => {
    const named = [["a", parameter([1])] as const, ["b", parameter([1])] as const];
    const whole = await new Adam(named).stateDict(read);
    const [group] = whole.get("param_groups") as PyDict[];
    expect([group?.keys()[0], group?.get("param_names")]).toEqual(["param_names", ["a", "b"]]);
    const grouped = await new Adam([{ params: named, lr: 0.5 }]).stateDict(read);
    expect((grouped.get("param_groups") as PyDict[])[0]?.keys().slice(0, 3)).toEqual(["lr", "param_names", "betas"]);
    expect(() => new Adam([{ params: named.slice(1) }, { params: [parameter([1])] }])).toThrow("others have none");
    const bare = new Adam([parameter([1]), parameter([1])]);
    await bare.loadStateDict(whole, write);
    expect(bare.paramGroups[0]?.options.get("param_names")).toEqual(["a", "b"]);
  });

  test("keep frozen parameters in the numbering, and leave them as they are", async () => {
    const params = [parameter([1]), parameter([1]), parameter([1])];
    if (params[1] !== undefined) params[1].requiresGrad = false;
    const optimizer = new Adam(params);
    expect(step(optimizer, params, [[1], null, [1]]).every((name) => name.startsWith("0,2."))).toBe(true);
    expect(((await optimizer.stateDict(read)).get("state") as PyDict).keys()).toEqual([0, 2]);
  });
});

test("Adagrad's sums are in the file before the first step, for frozen parameters too", async () => {
  const params = [parameter([2]), parameter([1])];
  if (params[1] !== undefined) params[1].requiresGrad = false;
  const state = (await new Adagrad(params, { initialAccumulatorValue: 0.5 }).stateDict(read)).get("state") as PyDict;
  expect(state.keys()).toEqual([0, 1]);
  expect(await numbers((state.get(0) as PyDict).get("step"))).toEqual([0]);
  expect(await numbers((state.get(0) as PyDict).get("sum"))).toEqual([0.5, 0.5]);
});

test("counts that are held come back as they were", async () => {
  const params = [parameter([1]), parameter([1])];
  const optimizer = new NAdam(params);
  step(optimizer, params, [[1], null]);
  const before = toTyped((await optimizer.stateDict(read)).get("param_groups") ?? null);
  const putBack = optimizer.holdCounts();
  optimizer.hostScalars();
  optimizer.afterStep(new Set(params));
  putBack();
  const state = (await optimizer.stateDict(read)).get("state") as PyDict;
  expect(state.keys()).toEqual([0]);
  expect(await numbers((state.get(0) as PyDict).get("step"))).toEqual([1]);
  expect(toTyped((await optimizer.stateDict(read)).get("param_groups") ?? null)).toEqual(before);
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
