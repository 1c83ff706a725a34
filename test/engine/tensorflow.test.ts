import { eagerExecutor } from "../../src/engine/eager.js";
import type { Executor, StepFunction } from "../../src/engine/executor.js";
import { tensorflowExecutor } from "../../src/engine/tensorflow/tensorflowExecutor.js";
import { functional, Linear, ReLU, Sequential } from "../../src/nn/index.js";
import { Adam } from "../../src/optim/index.js";
import { float32Tensor, float32Values, scalarTensor, type HostTensor } from "../../src/storage/hostTensor.js";
import { valueAndGrads } from "../../src/tensor/gradients.js";
import { randomInput } from "../../src/tensor/randomInput.js";
import { seedEverything } from "../../src/tensor/seed.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";
import { Variable } from "../../src/tensor/variable.js";
import { enginesHere } from "./engines.js";

const isHere = (await enginesHere()).includes("tfjs-node-gpu");
const onTensorflow = isHere ? describe : describe.skip; // said aloud by enginesHere; .ci/run demands the engine

const vector = (...values: number[]): HostTensor => float32Tensor(Float32Array.from(values), [values.length]);
const given = (tensor: Tensor | undefined): Tensor => {
  if (tensor === undefined) throw new Error("an input is missing");
  return tensor;
};

/** Numbers that look random and are the same every time. */
function batch(rows: number, columns: number, seed: number): HostTensor {
  const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(seed * 1000 + i * i));
  return float32Tensor(values, [rows, columns]);
}

/** An autoencoder with Adam, trained `steps` steps from step `from`; a short batch comes in between. */
class Training {
  readonly #model: Sequential;
  readonly #optimizer: Adam;
  readonly #executor: Executor;
  readonly #run: (x: HostTensor) => Promise<number>;

  constructor(executor: Executor) {
    seedEverything(3);
    this.#executor = executor;
    this.#model = new Sequential(new Linear(12, 7), new ReLU(), new Linear(7, 12));
    const params = this.#model.parameters();
    this.#optimizer = new Adam(params, { lr: 1e-2, weightDecay: 0.01 });
    const step = executor.compile(({ x, ...numbers }) => {
      const target = given(x);
      const loss = (): Tensor => functional.mseLoss(this.#model.forward(target), target);
      const { value, grads } = valueAndGrads(loss, params);
      const present = params.map((param, i) => [param, given(grads[i] ?? undefined)] as const);
      this.#optimizer.applyGradients(new Map(present), (name) => given(numbers[name]));
      return { loss: value };
    });
    this.#run = async (x) => {
      const numbers = Object.entries(this.#optimizer.hostScalars()).map(([name, value]) => [name, scalarTensor(value)]);
      const outputs = await step.run({ x, ...(Object.fromEntries(numbers) as Record<string, HostTensor>) });
      this.#optimizer.afterStep();
      const loss = await outputs.scalar("loss");
      outputs.dispose();
      return loss;
    };
  }

  async train(from: number, steps: number): Promise<number[]> {
    const losses: number[] = [];
    for (let i = from; i < from + steps; i += 1) losses.push(await this.#run(batch(i % 4 === 3 ? 5 : 8, 12, i)));
    return losses;
  }

  async save(): Promise<{ weights: HostTensor[]; optimizer: Awaited<ReturnType<Adam["stateDict"]>> }> {
    const weights: HostTensor[] = [];
    for (const param of this.#model.parameters()) weights.push(await this.#executor.read(param));
    return { weights, optimizer: await this.#optimizer.stateDict((variable) => this.#executor.read(variable)) };
  }

  async load({ weights, optimizer }: Awaited<ReturnType<Training["save"]>>): Promise<void> {
    const write = (variable: Variable, value: HostTensor): void => {
      this.#executor.write(variable, value);
    };
    this.#model.parameters().forEach((param, i) => {
      const value = weights[i];
      if (value !== undefined) write(param, value);
    });
    await this.#optimizer.loadStateDict(optimizer, write);
  }
}

onTensorflow("a step in a TensorFlow session", () => {
  test("gives the bits that its ops give one by one, whatever shapes its batches have", async () => {
    const [session, eager] = [await tensorflowExecutor(), await eagerExecutor("tfjs-node-gpu")];
    const [a, b] = [new Training(session), new Training(eager)];
    expect(await a.train(0, 40)).toEqual(await b.train(0, 40));
    expect((await a.save()).weights).toEqual((await b.save()).weights);
    expect(session.whyOpByOp).toBeUndefined();
  });

  test("goes on from what was saved as if nothing had been, bit for bit", async () => {
    const whole = new Training(await tensorflowExecutor());
    await whole.train(0, 6);
    const half = await whole.save();
    const end = await whole.train(6, 6);
    const resumed = new Training(await tensorflowExecutor());
    await resumed.train(0, 1); // what is written comes into a session that runs
    await resumed.load(half);
    expect(await resumed.train(6, 6)).toEqual(end);
    expect((await resumed.save()).weights).toEqual((await whole.save()).weights);
  });

  test("leaves no tensor behind, in tfjs or in TensorFlow", async () => {
    const executor = await tensorflowExecutor();
    const training = new Training(executor);
    await training.train(0, 8);
    await training.save();
    const before = tf.memory().numTensors;
    const held = liveTensors();
    await training.train(8, 8);
    await training.save();
    expect(tf.memory().numTensors).toBe(before);
    expect(liveTensors()).toBe(held);
  });

  test("gives the Variables their values back when the executor is disposed", async () => {
    const executor = await tensorflowExecutor();
    const counter = new Variable(vector(1, 2));
    const step = executor.compile(({ x }) => {
      counter.assign(tf.add(counter.value, given(x)));
      return {};
    });
    for (let i = 0; i < 3; i += 1) (await step.run({ x: vector(1, 10) })).dispose();
    await executor.dispose();
    expect(await counter.read()).toEqual(vector(4, 32));
  });

  test("reads a value and assigns it, both of before and of after", async () => {
    const executor = await tensorflowExecutor();
    const [a, b] = [new Variable(vector(1)), new Variable(vector(2))];
    const step = executor.compile(() => {
      const [before, other] = [a.value, b.value];
      a.assign(other);
      b.assign(before);
      return { before, after: a.value };
    });
    for (const [before, after] of [
      [1, 2],
      [2, 1],
      [1, 2],
    ]) {
      const outputs = await step.run({});
      expect([await outputs.scalar("before"), await outputs.scalar("after")]).toEqual([before, after]);
    }
    expect(float32Values(await executor.read(a))[0]).toBe(2);
    expect(executor.whyOpByOp).toBeUndefined();
  });

  test("draws its random numbers for every run, in the order of a step that just runs", async () => {
    const draws = async (executor: Executor): Promise<number[]> => {
      let next = 0;
      const step = executor.compile(() => {
        const draw = (): Tensor => randomInput({ name: "count", shape: [1], draw: () => Float32Array.of((next += 1)) });
        return { first: tf.mul(draw(), 10), second: draw() };
      });
      const values: number[] = [];
      for (let i = 0; i < 3; i += 1) {
        const outputs = await step.run({});
        values.push(await outputs.scalar("first"), await outputs.scalar("second"));
      }
      return values;
    };
    expect(await draws(await tensorflowExecutor())).toEqual([10, 2, 30, 4, 50, 6]);
    expect(await draws(await eagerExecutor("tfjs-node-gpu"))).toEqual([10, 2, 30, 4, 50, 6]);
  });
});

onTensorflow("a step that no graph can stand for runs op by op", () => {
  const threeRuns = async (build: (total: Variable) => StepFunction): Promise<[number[], string | undefined]> => {
    const executor = await tensorflowExecutor();
    const total = new Variable(vector(0));
    const well = executor.compile(({ x }) => {
      total.assign(tf.add(total.value, given(x)));
      return {};
    });
    await well.run({ x: vector(100) }); // a session holds the Variable already
    const step = executor.compile(build(total));
    const totals: number[] = [];
    for (const x of [1, -1, 2]) {
      (await step.run({ x: vector(x) })).dispose();
      totals.push(...float32Values(await executor.read(total)));
    }
    return [totals, executor.whyOpByOp];
  };

  test("when it reads a value", async () => {
    const found = await threeRuns((total) => ({ x }) => {
      const value = given(x).dataSync()[0] ?? 0;
      if (value > 0) total.assign(tf.add(total.value, given(x)));
      return {};
    });
    expect(found).toEqual([[101, 101, 103], "a step reads values"]);
  });

  test("when it depends on more than its inputs", async () => {
    let count = 0;
    const [[first = 0, second = 0, third = 0], why] = await threeRuns((total) => () => {
      count += 1;
      total.assign(tf.add(total.value, tf.tensor1d([count])));
      return {};
    });
    // It counted as often as it was run: each total is larger by one more than the total before it.
    expect(third - second).toBe(second - first + 1);
    expect(why).toBe("a step does not do the same every time");
  });

  test("and an error of the user's own comes through as it is", async () => {
    const executor = await tensorflowExecutor();
    const step = executor.compile(() => {
      throw new Error("user's own");
    });
    await expect(step.run({})).rejects.toThrow("user's own");
    expect(executor.whyOpByOp).toBeUndefined();
  });
});

/** Tensors that TensorFlow holds for us. */
function liveTensors(): unknown {
  const backend = tf.findBackend("tensorflow") as unknown as { binding: { getNumOfTensors(): number } };
  return backend.binding.getNumOfTensors();
}
