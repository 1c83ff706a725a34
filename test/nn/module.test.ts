import { createHash } from "node:crypto";
import { LtrainError } from "../../src/errors.js";
import {
  Buffer,
  Flatten,
  functional,
  init,
  Linear,
  Module,
  ModuleList,
  Parameter,
  ReLU,
  Sequential,
} from "../../src/nn/index.js";
import { float32Tensor, float32Values, type HostTensor } from "../../src/storage/hostTensor.js";
import { seedEverything } from "../../src/tensor/seed.js";
import { tf } from "../../src/tensor/tf.js";
import type { Variable } from "../../src/tensor/variable.js";
import { fixtureJson } from "../tensor/fixture.js";

const write = (variable: Variable, value: HostTensor): void => {
  variable.write(value);
};
const vector = (...values: number[]): HostTensor => float32Tensor(Float32Array.from(values), [values.length]);

class AutoEncoder extends Module {
  encoder: Sequential;
  decoder: Sequential;
  constructor(hidden = 64) {
    super();
    this.encoder = new Sequential(new Linear(784, hidden), new ReLU(), new Linear(hidden, 3));
    this.decoder = new Sequential(new Linear(3, hidden), new ReLU(), new Linear(hidden, 784));
  }
}

/** Parameters before children, buffers between them, one tied weight, one buffer that is not saved. */
class Everything extends Module {
  readonly head = new Linear(2, 2);
  readonly layers = new ModuleList([new Linear(2, 1, { bias: false }), new Linear(1, 2, { bias: false })]);
  readonly mean = new Buffer(vector(0));
  readonly scratch = new Buffer(vector(0), false);
  readonly scale = new Parameter(vector(1));
  readonly tied = this.head.weight;
  readonly note = "not a tensor";
}

test("state_dict names and their order are torch's", () => {
  // torch: self.head, self.layers = ModuleList, register_buffer, Parameter, self.tied = self.head.weight
  expect([...new Everything().state().keys()]).toEqual([
    "scale", "tied", "mean", "head.weight", "head.bias", "layers.0.weight", "layers.1.weight",
  ]); // prettier-ignore
});

test("a tied parameter is listed once among the parameters, under its first name", () => {
  const names = new Everything().namedParameters().map(([name]) => name);
  expect(names).toEqual(["scale", "tied", "head.bias", "layers.0.weight", "layers.1.weight"]);
});

test("modules and their versions are those of torch's _metadata", () => {
  const model = new AutoEncoder(2);
  const paths = [
    "",
    "encoder",
    "encoder.0",
    "encoder.1",
    "encoder.2",
    "decoder",
    "decoder.0",
    "decoder.1",
    "decoder.2",
  ];
  expect(model.namedModules().map(([path]) => path)).toEqual(paths);
  expect([...model.stateVersions()]).toEqual(paths.map((path) => [path, 1]));
});

test("train and eval reach every module", () => {
  const model = new AutoEncoder(2).eval();
  expect(model.namedModules().every(([, module]) => !module.training)).toBe(true);
  expect(
    model
      .train()
      .namedModules()
      .every(([, module]) => module.training),
  ).toBe(true);
});

describe("torch's initialisation, to the bit", () => {
  const parity = fixtureJson("trained/seed-parity/parity.json") as {
    readonly inits: Readonly<Record<string, { readonly sha256: string }>>;
    readonly autoencoder_784_seed42_sha256: Readonly<Record<string, string>>;
  };
  const digests = async (model: Module): Promise<Record<string, string>> =>
    Object.fromEntries(
      await Promise.all(
        [...model.state()].map(async ([name, parameter]): Promise<[string, string]> => {
          const { bytes } = await parameter.read();
          return [name, createHash("sha256").update(bytes).digest("hex")];
        }),
      ),
    );

  test.each([
    [42, "linear_784_64", 784, 64],
    [42, "linear_8_4", 8, 4],
    [7, "linear_8_4", 8, 4],
  ])("seed %d: %s", async (seed, name, into, out) => {
    seedEverything(seed);
    expect(await digests(new Linear(into, out))).toEqual({
      weight: parity.inits[`seed${seed}.${name}.weight`]?.sha256,
      bias: parity.inits[`seed${seed}.${name}.bias`]?.sha256,
    });
  });

  test("the layers 784-16-3 and 3-16-20, built one after the other after seeding with 42", async () => {
    seedEverything(42);
    const encoder = new Sequential(new Linear(784, 16), new ReLU(), new Linear(16, 3));
    const decoder = new Sequential(new Linear(3, 16), new ReLU(), new Linear(16, 20));
    expect(await digests(new Sequential(encoder, decoder))).toEqual(parity.autoencoder_784_seed42_sha256);
  });

  test.each([
    // The bounds and deviations of torch.nn.init, over the generator that is tested elsewhere.
    ["xavier_uniform(2,3)", init.xavierUniform],
    ["kaiming_normal(2,3)", init.kaimingNormal],
  ] as const)("%s after seed 42", (name, initialise) => {
    const draws = fixtureJson("trained/seed-parity/parity.json") as Record<string, Record<string, number[]>>;
    seedEverything(42);
    expect([...initialise([2, 3])]).toEqual(draws["after_seed_42"]?.[name]);
  });
});

describe("loadState", () => {
  const entriesOf = async (model: Module): Promise<Map<string, HostTensor>> =>
    new Map(await Promise.all([...model.state()].map(async ([name, v]) => [name, await v.read()] as const)));
  const failure = (action: () => void): LtrainError => {
    try {
      action();
    } catch (error) {
      if (error instanceof LtrainError) return error;
      throw error;
    }
    throw new Error("it did not fail");
  };

  test("takes every value, and casts to the dtype of the model", async () => {
    const [from, to] = [new AutoEncoder(2), new AutoEncoder(2)];
    const entries = await entriesOf(from);
    const bias = entries.get("encoder.2.bias");
    if (bias === undefined) throw new Error("unreachable");
    const wide = Float64Array.from(float32Values(bias));
    entries.set("encoder.2.bias", { dtype: "float64", shape: [3], bytes: new Uint8Array(wide.buffer) });
    to.loadState(entries, write);
    expect(await entriesOf(to)).toEqual(await entriesOf(from));
  });

  test("names all that is missing, unexpected and of another shape, by module, and writes nothing", async () => {
    const model = new AutoEncoder(2);
    const before = await entriesOf(model);
    const entries = await entriesOf(new AutoEncoder(3));
    entries.delete("decoder.0.weight");
    entries.delete("decoder.0.bias");
    entries.set("head.weight", vector(1));
    const error = failure(() => {
      model.loadState(entries, write);
    });
    expect(error.code).toBe("checkpoint.mismatch");
    expect(error.message.split("\n")).toEqual([
      "the state_dict does not fit AutoEncoder",
      "  missing in the file (2): decoder.0.{weight, bias}",
      "  unexpected in the file (1): head.weight",
      "  different shape (4): encoder.0.weight is [3, 784] in the file, [2, 784] in the model; " +
        "encoder.0.bias is [3] in the file, [2] in the model; " +
        "encoder.2.weight is [3, 3] in the file, [3, 2] in the model; " +
        "decoder.2.weight is [784, 3] in the file, [784, 2] in the model",
    ]);
    expect(await entriesOf(model)).toEqual(before);
  });

  test("proposes the change of prefix that would make the names fit", async () => {
    const model = new AutoEncoder(2);
    const wrapped = new Map([...(await entriesOf(model))].map(([name, value]) => [`module.${name}`, value]));
    const error = failure(() => {
      model.loadState(wrapped, write);
    });
    expect(error.hint).toBe(
      'names that begin with "module." in the file begin with "" in the model: renaming them would match 8 of 8',
    );
  });

  test("without strict lets names pass, but no shapes", async () => {
    const model = new AutoEncoder(2);
    const bias = float32Tensor(Float32Array.of(1, 2, 3), [3]);
    model.loadState(
      new Map([
        ["encoder.2.bias", bias],
        ["other", bias],
      ]),
      write,
      { strict: false },
    );
    expect(await model.state().get("encoder.2.bias")?.read()).toEqual(bias);
    const error = failure(() => {
      model.loadState(new Map([["encoder.0.bias", bias]]), write, { strict: false });
    });
    expect(error.message).toContain("encoder.0.bias is [3] in the file, [2] in the model");
  });

  test("takes [1] for a scalar, as torch before 0.4 wrote it", async () => {
    class Scaled extends Module {
      readonly scale = new Parameter(float32Tensor(Float32Array.of(0), []));
    }
    const model = new Scaled();
    model.loadState(new Map([["scale", vector(5)]]), write);
    expect(await model.scale.read()).toEqual(float32Tensor(Float32Array.of(5), []));
  });
});

test("Linear works over the last axis of any tensor", async () => {
  const layer = new Linear(2, 3);
  write(layer.weight, float32Tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]));
  if (layer.bias !== null) write(layer.bias, vector(10, 20, 30));
  // [1, 1]·Wᵀ + b = [1+2+10, 3+4+20, 5+6+30]
  for (const shape of [[2], [1, 2], [2, 2, 2]]) {
    const y = layer.forward(tf.ones(shape));
    expect(y.shape).toEqual([...shape.slice(0, -1), 3]);
    expect([...(await y.data()).slice(0, 3)]).toEqual([13, 27, 41]);
  }
});

test("Flatten keeps the batch", () => {
  expect(new Flatten().forward(tf.zeros([2, 3, 4])).shape).toEqual([2, 12]);
  expect(functional.flatten(tf.zeros([2, 3, 4]), 0, 1).shape).toEqual([6, 4]);
});
