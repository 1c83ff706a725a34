import { ortExecutor } from "../../src/engine/ortExecutor.js";
import { probeProvider } from "../../src/engine/ortProbe.js";
import { tf } from "../../src/tensor/tf.js";
import { Variable } from "../../src/tensor/variable.js";
import { autoencoder, stepInputs } from "./autoencoder.js";
import { randomTensor } from "./autoencoder.js";
import { target } from "./target.js";

// The process that these run in is that of scripts/test-webgpu.mjs; .ci/run starts it.
const onWebgpu = target.kind === "webgpu" ? test : test.skip;

onWebgpu("the device is there, and it is told which", async () => {
  const found = await probeProvider("webgpu");
  process.stderr.write(`WebGPU computes on ${JSON.stringify(found)}\n`);
  expect(found.works).toBe(true);
});

onWebgpu("memory does not grow from step to step, whether losses are read or not", async () => {
  const model = autoencoder(20, 16, 3);
  const executor = await ortExecutor({ target });
  const step = executor.compile(model.step);
  const steps = async (from: number, to: number): Promise<number> => {
    for (let t = from; t < to; t += 1) (await step.run(stepInputs(t, 8, 20))).dispose();
    return process.memoryUsage().rss / 1e6;
  };
  const before = await steps(1, 100);
  const after = await steps(100, 300);
  // 131 operators a step: what was not given back came to 130 kB a step, 26 MB here.
  expect(after - before).toBeLessThan(13);
  await executor.dispose();
});

onWebgpu("a Variable that a step only reads is brought to the device once, and once more after a write", async () => {
  const weight = new Variable(randomTensor([3], 1));
  const executor = await ortExecutor({ target });
  const step = executor.compile(({ x }) => ({ y: tf.mul(weight.value, x ?? 0) }));
  const x = randomTensor([3], 2);
  const first = await (await step.run({ x })).tensor("y");
  expect(await (await step.run({ x })).tensor("y")).toEqual(first);
  executor.write(weight, randomTensor([3], 3));
  const second = await (await step.run({ x })).tensor("y");
  expect(second).not.toEqual(first);
  expect(await executor.read(weight)).toEqual(randomTensor([3], 3));
  await executor.dispose();
  expect(await weight.read()).toEqual(randomTensor([3], 3));
});
