import { ortExecutor } from "../../src/engine/ortExecutor.js";
import { float32Values } from "../../src/storage/hostTensor.js";
import { autoencoder, stepInputs } from "./autoencoder.js";
import { EagerReference } from "./eager.js";
import { target } from "./target.js";

const FEATURES = 20;
const BATCH = 8;

async function losses(steps: number, threads: number): Promise<{ losses: number[]; weights: Float32Array }> {
  const model = autoencoder(FEATURES, 16, 3);
  const executor = await ortExecutor({ target, threads });
  const step = executor.compile(model.step);
  const results: number[] = [];
  for (let t = 1; t <= steps; t += 1) {
    results.push(await (await step.run(stepInputs(t, BATCH, FEATURES))).scalar("loss"));
  }
  const [first] = model.parameters;
  if (first === undefined) throw new Error("no parameters");
  const weights = float32Values(await executor.read(first));
  await executor.dispose();
  return { losses: results, weights };
}

test("an autoencoder's losses over 50 steps of Adam agree with eager tfjs", async () => {
  const model = autoencoder(FEATURES, 16, 3);
  const eager = await EagerReference.of(model.variables);
  const actual = await losses(50, 2);
  for (let t = 1; t <= 50; t += 1) {
    const [expected = NaN] = eager.run(model.step, stepInputs(t, BATCH, FEATURES))["loss"] ?? [];
    expect(Math.abs((actual.losses[t - 1] ?? NaN) - expected)).toBeLessThan(2e-6);
  }
});

test("two runs give the same bits", async () => {
  expect(await losses(20, 2)).toEqual(await losses(20, 2));
});
