import { captureStep } from "../../../src/engine/capture.js";
import type { StepFunction } from "../../../src/engine/executor.js";
import { partition } from "../../../src/engine/fusion/partition.js";
import { ortExecutor } from "../../../src/engine/ortExecutor.js";
import { simplify } from "../../../src/engine/passes/index.js";
import type { HostTensor } from "../../../src/storage/hostTensor.js";
import { float32Values, scalarTensor } from "../../../src/storage/hostTensor.js";
import type { Tensor } from "../../../src/tensor/tf.js";
import { tf } from "../../../src/tensor/tf.js";
import { Variable } from "../../../src/tensor/variable.js";
import { randomTensor } from "../autoencoder.js";
import { EagerReference } from "../eager.js";

type Inputs = Readonly<Record<"x" | "rate", Tensor>>;

/** A step over a weight [5, 7], a bias [7], a slot for each and a counter. */
interface Model {
  readonly variables: readonly Variable[];
  readonly step: StepFunction;
}

/** How an optimizer makes of a parameter, its slot, its gradient and a number what they become. */
type Update = (p: Tensor, slot: Tensor, g: Tensor, rate: Tensor) => readonly [Tensor, Tensor];

function model(update: Update, change: (grads: readonly Tensor[]) => readonly Tensor[] = (grads) => grads): Model {
  const parameters = [new Variable(randomTensor([5, 7], 1)), new Variable(randomTensor([7], 2))];
  const slots = parameters.map(({ shape }) => new Variable(randomTensor(shape, 3, 0.1)));
  const counter = new Variable(scalarTensor(0));
  const step: StepFunction = (inputs) => {
    const { x, rate } = inputs as Inputs;
    const { value, grads } = tf.engine().gradients(
      () => {
        const [weight, bias] = parameters.map((each) => each.value) as [Tensor, Tensor];
        return tf.mean(tf.square(tf.add(tf.matMul(x, weight), bias)));
      },
      parameters.map((each) => each.value),
    );
    change(grads).forEach((gradient, i) => {
      const [parameter, slot] = [parameters[i] as Variable, slots[i] as Variable];
      const [p, s] = update(parameter.value, slot.value, gradient, rate);
      parameter.assign(p);
      slot.assign(s);
    });
    counter.assign(tf.add(counter.value, 1));
    return { loss: value };
  };
  return { variables: [...parameters, ...slots, counter], step };
}

const inputsOf = (t: number): Record<string, HostTensor> => ({
  x: randomTensor([6, 5], 10 + t),
  rate: scalarTensor(0.1 / t),
});

async function compiled({ variables, step }: Model, fuse: boolean, steps: number): Promise<Float32Array[]> {
  const executor = await ortExecutor({ threads: 1, fuse });
  const run = executor.compile(step);
  for (let t = 1; t <= steps; t += 1) (await run.run(inputsOf(t))).dispose();
  const values = await Promise.all(variables.map(async (each) => float32Values(await executor.read(each))));
  await executor.dispose();
  return values;
}

const UPDATES: Readonly<Record<string, Update>> = {
  sgd: (p, s, g, rate) => [tf.sub(p, tf.mul(rate, g)), s],
  momentum: (p, s, g, rate) => {
    const next = tf.add(tf.mul(s, 0.9), g);
    return [tf.sub(p, tf.mul(rate, next)), next];
  },
  adamW: (p, s, g, rate) => {
    const next = tf.add(tf.mul(tf.abs(s), 0.999), tf.mul(tf.square(g), 0.001));
    const decayed = tf.mul(p, tf.sub(tf.scalar(1), tf.mul(rate, 0.01)));
    return [tf.sub(decayed, tf.mul(rate, tf.div(g, tf.add(tf.sqrt(next), 1e-8)))), next];
  },
  lion: (p, s, g, rate) => [tf.sub(p, tf.mul(rate, tf.sign(tf.add(s, g)))), tf.add(tf.mul(s, 0.9), tf.mul(g, 0.1))],
  clipped: (p, s, g, rate) => [tf.sub(p, tf.mul(rate, tf.clipByValue(g, -0.01, 0.01))), tf.maximum(s, tf.neg(g))],
  masked: (p, s, g, rate) => [tf.where(tf.greater(g, s), tf.sub(p, tf.mul(rate, g)), p), tf.relu(tf.minimum(s, g))],
  skipped: (p, s, g, rate) => [
    tf.where(tf.less(rate, 0.04), p, tf.sub(p, g)),
    tf.floor(tf.mul(tf.reciprocal(tf.add(tf.abs(s), 1)), 8)),
  ],
};

test.each(Object.keys(UPDATES))("%s in a kernel gives what it gives in the graph and in eager tfjs", async (name) => {
  const update = UPDATES[name] as Update;
  const eager = model(update);
  const reference = await EagerReference.of(eager.variables);
  for (let t = 1; t <= 5; t += 1) reference.run(eager.step, inputsOf(t));
  const expected = reference.run(
    () => Object.fromEntries(eager.variables.map((variable, i) => [String(i), tf.clone(variable.value)])),
    {},
  );
  const fused = await compiled(model(update), true, 5);
  const plain = await compiled(model(update), false, 5);
  fused.forEach((values, i) => {
    values.forEach((value, at) => {
      expect(Math.abs(value - (plain[i]?.[at] ?? NaN))).toBeLessThan(1e-6);
      expect(Math.abs(value - (expected[i]?.[at] ?? NaN))).toBeLessThan(2e-6);
    });
  });
});

test("the optimizer leaves the graph, one kernel a parameter, and only gradients are handed over", () => {
  const { step } = model(UPDATES["adamW"] as Update);
  const spec = { x: { dtype: "float32", shape: [6, 5] }, rate: { dtype: "float32", shape: [] } } as const;
  const parts = partition(simplify(captureStep(step, spec).graph));
  expect(parts.kernels.map(({ count }) => count).sort()).toEqual([35, 7]);
  expect(parts.handed.filter(({ value }) => value.shape.length > 0).map(({ value }) => value.shape)).toEqual([
    [5, 7],
    [7],
  ]);
  expect(parts.graph.nodes.some(({ op }) => op === "Sqrt")).toBe(false);
});

test("clipping by the norm of all gradients keeps the norm in the graph and scales in the kernels", async () => {
  const clip = (grads: readonly Tensor[]): readonly Tensor[] => {
    const norm = tf.sqrt(tf.addN(grads.map((each) => tf.sum(tf.square(each)))));
    const factor = tf.minimum(tf.div(0.01, tf.add(norm, 1e-6)), 1);
    return grads.map((each) => tf.mul(each, factor));
  };
  const make = (): Model => model(UPDATES["momentum"] as Update, clip);
  const fused = await compiled(make(), true, 4);
  const plain = await compiled(make(), false, 4);
  fused.forEach((values, i) => {
    values.forEach((value, at) => {
      expect(Math.abs(value - (plain[i]?.[at] ?? NaN))).toBeLessThan(1e-6);
    });
  });
});

test("a Variable that takes another's old value gets it, though that one is written in place", async () => {
  const a = new Variable(randomTensor([8], 1));
  const b = new Variable(randomTensor([8], 2));
  const executor = await ortExecutor({ threads: 1 });
  const run = executor.compile(() => {
    const [old, other] = [a.value, b.value];
    a.assign(tf.mul(other, 2));
    b.assign(tf.add(old, 1));
    return {};
  });
  const [before, after] = [randomTensor([8], 1), randomTensor([8], 2)].map(float32Values);
  await run.run({});
  expect(float32Values(await executor.read(a))).toEqual(after?.map((value) => value * 2));
  expect(float32Values(await executor.read(b))).toEqual(before?.map((value) => Math.fround(value + 1)));
  await executor.dispose();
});
