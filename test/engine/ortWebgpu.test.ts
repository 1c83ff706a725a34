import { Callback } from "../../src/core/callback.js";
import { ortExecutor } from "../../src/engine/ortExecutor.js";
import { probeProvider } from "../../src/engine/ortProbe.js";
import { numelOf } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Variable } from "../../src/tensor/variable.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { fixtureRows, Rows, TinyAutoEncoder } from "../trainer/tinyRun.js";
import { autoencoder, stepInputs } from "./autoencoder.js";
import { randomTensor } from "./autoencoder.js";
import { countTraffic } from "./deviceTraffic.js";
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
  const before = await steps(1, 200);
  const after = await steps(200, 800);
  // 131 operators a step: what was not given back came to 130 kB a step, 78 MB here; the process itself grows by 10 to 15.
  expect(after - before).toBeLessThan(39);
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

const byNumber = (sizes: readonly number[]): number[] => [...sizes].sort((a, b) => a - b);

onWebgpu(
  "state stays on the device: a step uploads its batch and its scalars, and downloads what is asked for",
  async () => {
    await countTraffic(async (traffic) => {
      const model = autoencoder(20, 16, 3);
      const executor = await ortExecutor({ target });
      const step = executor.compile(model.step);
      (await step.run(stepInputs(1, 8, 20))).dispose();
      const state = model.variables.map(({ shape }) => numelOf(shape));
      const inputs = Object.values(stepInputs(1, 8, 20)).map(({ shape }) => numelOf(shape));
      // The first step brings parameters and slots there, once.
      expect(byNumber(traffic.uploads)).toEqual(byNumber([...state, ...inputs]));
      expect(traffic.downloads).toEqual([]);

      Object.assign(traffic, { runs: 0, uploads: [], downloads: [] });
      const steps = 12; // fewer than those after which the host waits for the device
      for (let t = 2; t < 2 + steps; t += 1) {
        const outputs = await step.run(stepInputs(t, 8, 20));
        if (t % 4 === 0) await outputs.scalar("loss");
        outputs.dispose();
      }
      expect(byNumber(traffic.uploads)).toEqual(byNumber(Array.from({ length: steps }, () => inputs).flat()));
      expect(traffic.downloads).toEqual([1, 1, 1]);
      expect(traffic.runs).toBe(steps + 3);
      await executor.dispose();
    });
  },
);

/** The fixtures' autoencoder; its loss goes to the loggers, and into no mean over the epoch. */
class Logged extends TinyAutoEncoder {
  override trainingStep([x]: readonly [Tensor]): Tensor {
    const loss = this.loss(x);
    this.log("train_loss", loss);
    return loss;
  }
}

onWebgpu("a training downloads its loss when it is logged, and its weights at the end", async () => {
  await countTraffic(async (traffic) => {
    const downloads: number[][] = [];
    class Watch extends Callback {
      override onTrainBatchEnd(): void {
        downloads.push(traffic.downloads.splice(0));
      }
    }
    const module = new Logged();
    const options = { maxEpochs: 1, logEveryNSteps: 5, logger: false, enableCheckpointing: false } as const;
    const trainer = new Trainer({ ...options, callbacks: [new Watch()], engine: "onnxruntime", accelerator: "gpu" });
    await trainer.fit(module, new Rows(fixtureRows(22), { batchSize: 2 }));
    // The loss twice: as the step's result, and as what it logs.
    const batches = downloads.map((sizes, batch) => [batch, sizes] as const);
    expect(batches.filter(([, sizes]) => sizes.length > 0)).toEqual([4, 9, 10].map((batch) => [batch, [1, 1]]));
    const weights = [...module.state().values()].map(({ shape }) => numelOf(shape));
    for (const size of weights) expect(traffic.downloads).toContain(size);
  });
});
