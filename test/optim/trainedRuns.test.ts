import { readNpy } from "../../src/data/npy.js";
import type { EngineName } from "../../src/engine/executor.js";
import { functional, Linear, Module, ReLU, Sequential } from "../../src/nn/index.js";
import type { LRScheduler, Optimizer } from "../../src/optim/index.js";
import { PyDict, PyFloat, type PyValue } from "../../src/pickle/values.js";
import { float32Tensor, float32Values, scalarTensor, type HostTensor } from "../../src/storage/hostTensor.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { valueAndGrads } from "../../src/tensor/gradients.js";
import { tf } from "../../src/tensor/tf.js";
import { enginesHere, openEngine } from "../engine/engines.js";
import { loadFixture, pathsOf } from "../serialization/twin.js";
import { fixtureJson, fixtureSource } from "../tensor/fixture.js";
import { optimizerOf, scheduleOf, type Arguments } from "./build.js";

interface Run {
  readonly config: {
    readonly optimizer: string;
    readonly optimizer_args: Arguments;
    readonly scheduler: string | null;
    readonly scheduler_args: Arguments | null;
    readonly interval: "epoch" | "step";
    readonly batch_size: number;
    readonly n_samples: number;
  };
  readonly final_weights: Readonly<Record<string, readonly number[]>>;
  readonly steps: readonly {
    readonly epoch: number;
    readonly batch: number;
    readonly loss: number;
    readonly lr: readonly number[];
    readonly momentum?: number;
  }[];
}

/** The model of fixtures/trained: its names are in the checkpoint, its activation is ReLU (the first loss says so). */
class Tiny extends Module {
  readonly encoder = new Sequential(new Linear(8, 4), new ReLU());
  readonly decoder = new Sequential(new Linear(4, 8));
}

async function stateOf(path: string): Promise<Map<string, HostTensor>> {
  const { value } = await loadFixture(path);
  const dict = value instanceof PyDict ? (value.get("state_dict") ?? value) : value;
  const entries = new Map<string, HostTensor>();
  if (dict instanceof PyDict) {
    for (const [name, tensor] of dict) {
      if (typeof name === "string" && tensor instanceof StoredTensor) entries.set(name, await readTensor(tensor));
    }
  }
  return entries;
}

function build({ config }: Run, model: Tiny): { optimizer: Optimizer; scheduler: LRScheduler | null } {
  const optimizer = optimizerOf(config.optimizer, model.parameters(), config.optimizer_args);
  if (config.scheduler === null) return { optimizer, scheduler: null };
  return { optimizer, scheduler: scheduleOf(optimizer, config.scheduler, config.scheduler_args ?? {}) };
}

async function train(
  engine: EngineName,
  name: string,
  each: (loss: number, expected: Run["steps"][number], step: number) => void,
): Promise<{ run: Run; model: Tiny; optimizer: Optimizer; scheduler: LRScheduler | null }> {
  const run = fixtureJson(`trained/${name}/run.json`) as Run;
  const data = float32Values(await readNpy(fixtureSource("trained/data/autoencoder_x.npy"), "autoencoder_x.npy"));
  const model = new Tiny();
  const executor = await openEngine(engine);
  model.loadState(await stateOf(`trained/${name}/init.ckpt`), (v, t) => {
    executor.write(v, t);
  });
  const { optimizer, scheduler } = build(run, model);
  const params = model.parameters();
  const step = executor.compile(({ x, ...inputs }) => {
    if (x === undefined) throw new Error("no batch");
    const { value, grads } = valueAndGrads(
      () => functional.mseLoss(model.decoder.forward(model.encoder.forward(x)), x),
      params,
    );
    const present = params.flatMap((param, i) => {
      const grad = grads[i];
      return grad ? [[param, grad] as const] : [];
    });
    optimizer.applyGradients(new Map(present), (key) => inputs[key] ?? tf.scalar(NaN));
    return { loss: value };
  });
  const size = run.config.batch_size * 8;
  let tensors = 0;
  for (const [i, expected] of run.steps.entries()) {
    if (i > 0 && (run.config.interval === "step" || expected.batch === 0)) scheduler?.step();
    const [group] = optimizer.paramGroups;
    if (group === undefined) throw new Error("no group");
    expect(group.lr).toBe(expected.lr[0]);
    const x = float32Tensor(data.slice(expected.batch * size, (expected.batch + 1) * size), [run.config.batch_size, 8]);
    const scalars = Object.entries(optimizer.hostScalars()).map(([key, value]) => [key, scalarTensor(value)] as const);
    const outputs = await step.run({ x, ...Object.fromEntries(scalars) });
    optimizer.afterStep();
    each(await outputs.scalar("loss"), expected, i);
    outputs.dispose();
    if (i === 1) tensors = tf.memory().numTensors;
    if (i > 1) expect(tf.memory().numTensors).toBe(tensors);
  }
  if (run.config.scheduler !== null) scheduler?.step();
  await executor.dispose();
  return { run, model, optimizer, scheduler };
}

const RUNS = [
  "mlp-sgd-none",
  "mlp-sgd-nesterov-steplr",
  "mlp-adam-none",
  "mlp-adam-multistep",
  "mlp-rmsprop-centered-momentum",
  "mlp-adagrad-restarts",
  "mlp-adadelta-onecycle",
  "mlp-adamax-linear",
  "mlp-nadam-polynomial",
  "mlp-radam-decoupled",
  "mlp-sgd-onecycle-linear-3phase",
];

const runs = (await enginesHere()).flatMap((engine) => RUNS.map((name) => [name, engine] as const));

describe.each(runs)("%s on %s", (name, engine) => {
  test("has Lightning's losses at every step, and its weights and optimizer state at the end", async () => {
    const { run, model, optimizer, scheduler } = await train(engine, name, (loss, expected, i) => {
      expect(Math.abs(loss - expected.loss) / expected.loss).toBeLessThanOrEqual(i === 0 ? 1e-6 : 1e-5);
    });
    for (const [key, variable] of model.state()) {
      float32Values(await variable.read()).forEach((value, i) => {
        expect(Math.abs(value - (run.final_weights[key]?.[i] ?? NaN))).toBeLessThanOrEqual(1e-5);
      });
    }
    const { value: root } = await loadFixture(`trained/${name}/final.ckpt`);
    if (!(root instanceof PyDict)) throw new Error("not a dict");
    const [theirs] = root.get("optimizer_states") as PyValue[];
    await expectSameTree(await optimizer.stateDict((v) => v.read()), theirs ?? null);
    const [schedule] = root.get("lr_schedulers") as PyValue[];
    if (scheduler !== null) await expectSameTree(scheduler.stateDict(), schedule ?? null);
  });
});

/** The same paths in the same order, with the same types; numbers agree, tensors to 1e-5. */
async function expectSameTree(actual: PyValue, expected: PyValue): Promise<void> {
  const [a, b] = [actual, expected].map(
    (tree) => new Map([...pathsOf(tree)].filter(([path]) => !/\.(storage|dtype)/.test(path))),
  );
  if (a === undefined || b === undefined) throw new Error("unreachable");
  expect([...a.keys()]).toEqual([...b.keys()]);
  for (const [path, value] of b) {
    const own = a.get(path);
    if (value instanceof StoredTensor) {
      if (!(own instanceof StoredTensor)) throw new Error(`${path} is no tensor`);
      expect([own.dtype, own.shape]).toEqual([value.dtype, value.shape]);
      const [x, y] = [float32Values(await readTensor(own)), float32Values(await readTensor(value))];
      y.forEach((number, i) => {
        expect(Math.abs((x[i] ?? NaN) - number)).toBeLessThanOrEqual(1e-5);
      });
    } else if (typeof value !== "object" || value === null || value instanceof PyFloat) {
      expect([path, own]).toEqual([path, value]);
    } else expect(own?.constructor).toBe(value.constructor);
  }
}
