import { LtrainError } from "../../src/errors.js";
import { createExecutor, type ExecutorOptions } from "../../src/engine/createExecutor.js";
import type { Executor } from "../../src/engine/executor.js";
import { float32Tensor, float32Values, scalarTensor, type HostTensor } from "../../src/storage/hostTensor.js";
import { valueAndGrads } from "../../src/tensor/gradients.js";
import { tf } from "../../src/tensor/tf.js";
import { Variable } from "../../src/tensor/variable.js";
import { enginesHere, openEngine } from "./engines.js";

const vector = (...values: number[]): HostTensor => float32Tensor(Float32Array.from(values), [values.length]);
const input = (inputs: Readonly<Record<string, tf.Tensor>>, name: string): tf.Tensor => {
  const tensor = inputs[name];
  if (tensor === undefined) throw new Error(name);
  return tensor;
};

const engines = await enginesHere();

describe.each(engines)("on %s", (name) => {
  test("a step takes inputs, changes variables and gives outputs", async () => {
    const executor = await openEngine(name);
    const total = new Variable(vector(0, 0));
    const step = executor.compile((inputs) => {
      total.assign(tf.add(total.value, tf.mul(input(inputs, "x"), input(inputs, "factor"))));
      return { total: total.value, sum: tf.sum(total.value) };
    });
    await (await step.run({ x: vector(1, 2), factor: scalarTensor(10) })).tensor("total");
    const outputs = await step.run({ x: vector(1, 2), factor: scalarTensor(1) });
    expect(outputs.names).toEqual(["total", "sum"]);
    expect([...float32Values(await outputs.tensor("total"))]).toEqual([11, 22]);
    expect(await outputs.scalar("sum")).toBe(33);
    outputs.dispose();
    // The output was the variable's value; giving it back leaves the variable whole.
    expect([...float32Values(await executor.read(total))]).toEqual([11, 22]);
    executor.write(total, vector(5, 5));
    expect(await executor.read(total)).toEqual(vector(5, 5));
  });

  test("an input may be an output, and so may what a Variable was before", async () => {
    const executor = await openEngine(name);
    const last = new Variable(vector(1, 2));
    const step = executor.compile((inputs) => {
      const [before, x] = [tf.neg(last.value), input(inputs, "x")];
      last.assign(x);
      return { x, before };
    });
    const outputs = await step.run({ x: vector(3, 4) });
    expect([...float32Values(await outputs.tensor("x"))]).toEqual([3, 4]);
    expect([...float32Values(await outputs.tensor("before"))]).toEqual([-1, -2]);
    expect([...float32Values(await executor.read(last))]).toEqual([3, 4]);
  });

  test("NaN and infinities come out as they are, integers as int32", async () => {
    const executor = await openEngine(name);
    const outputs = await executor
      .compile(({ x }) => ({ nan: tf.sqrt(x ?? 0), inf: tf.div(1, tf.add(x ?? 0, 1)), index: tf.argMax([1, 3, 2]) }))
      .run({ x: scalarTensor(-1) });
    expect(await outputs.scalar("nan")).toBeNaN();
    expect(await outputs.scalar("inf")).toBe(Infinity);
    expect((await outputs.tensor("index")).dtype).toBe("int32");
    await expect(outputs.scalar("loss")).rejects.toThrow('the step gave no "loss"; it gave nan, inf, index');
  });

  test("no tensor is left behind by a run, not by a failing one either", async () => {
    const executor = await openEngine(name);
    const step = executor.compile(({ x, fail }) => {
      const y = tf.square(x ?? 0);
      if (fail !== undefined) throw new Error("user's own");
      return { y };
    });
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i += 1) (await step.run({ x: vector(1, 2) })).dispose();
    await expect(step.run({ x: vector(1), fail: vector(1) })).rejects.toThrow("user's own");
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("choosing", () => {
  const failure = async (options: ExecutorOptions): Promise<LtrainError> => {
    const error: unknown = await createExecutor(options).catch((reason: unknown) => reason);
    if (!(error instanceof LtrainError)) throw new Error("it did not fail");
    expect(error.code).toBe("engine.unavailable");
    return error;
  };

  test("accelerator cpu is onnxruntime", async () => {
    const { engine, device } = await createExecutor({ accelerator: "cpu" });
    expect([engine, device]).toEqual(["onnxruntime", "cpu"]);
  });

  test("engine tfjs with accelerator gpu is refused", async () => {
    expect((await failure({ engine: "tfjs", accelerator: "gpu" })).message).toBe(
      "the engine tfjs computes on the CPU only, and accelerator is gpu",
    );
  });

  test("onnxruntime is had by name, on the CPU and on a GPU that is there", async () => {
    const { engine, device } = await createExecutor({ engine: "onnxruntime", accelerator: "cpu" });
    expect([engine, device]).toEqual(["onnxruntime", "cpu"]);
    const found: unknown = await createExecutor({ engine: "onnxruntime", accelerator: "gpu" }).catch(
      (reason: unknown) => reason,
    );
    if (!(found instanceof LtrainError)) {
      expect(found).toMatchObject({ engine: "onnxruntime" });
      return;
    }
    expect(found.message).toContain("onnxruntime (CUDA): ");
    expect(found.message).toContain("onnxruntime (WebGPU): ");
    expect(found.message).not.toContain("tfjs-node-gpu (CUDA): ");
    expect(found.hint).toContain("ltrain doctor");
  });

  test("tfjs-node-gpu works, or says why it does not and what mends it", async () => {
    const found: unknown = await createExecutor({ engine: "tfjs-node-gpu" }).catch((reason: unknown) => reason);
    if (found instanceof LtrainError) {
      expect(found.code).toBe("engine.unavailable");
      expect(found.message).toMatch(/tfjs-node-gpu is not available: @tensorflow\/tfjs-node-gpu is/);
      expect(found.hint).toContain("npm run build:tfjs-node-gpu");
    } else expect(found).toMatchObject({ engine: "tfjs-node-gpu" });
  });

  test("auto with accelerator gpu uses one, or says what was tried", async () => {
    const found: unknown = await createExecutor({ accelerator: "gpu" }).catch((reason: unknown) => reason);
    if (found instanceof LtrainError)
      expect(found.message).toContain("accelerator is gpu and no engine can use one:\n  ");
    else expect((found as Executor).device).toMatch(/^(?:CUDA|WebGPU)/);
  });
});

test("the same step gives the same numbers on every engine that is there", async () => {
  const results: number[][] = [];
  for (const engine of engines) {
    const executor = await openEngine(engine);
    const weight = new Variable(vector(0.5, -0.25));
    const step = executor.compile(({ x }) => {
      const { value, grads } = valueAndGrads(() => tf.sum(tf.tanh(tf.mul(weight.value, x ?? 0))), [weight]);
      weight.assign(tf.sub(weight.value, grads[0] ?? 0));
      return { value };
    });
    const losses: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      const outputs = await step.run({ x: vector(1, 2) });
      losses.push(await outputs.scalar("value"));
      outputs.dispose();
    }
    results.push(losses);
  }
  expect(results).toHaveLength(engines.length);
  // Σ tanh(w·x) at w = (0.5, -0.25), x = (1, 2) is tanh(0.5) + tanh(-0.5) = 0
  expect(results[0]?.[0]).toBeCloseTo(0, 6);
  for (const losses of results)
    losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(results[0]?.[i] ?? NaN, 5);
    });
});
