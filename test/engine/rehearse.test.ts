import type { Compilation, StepFunction } from "../../src/engine/executor.js";
import { ortExecutor } from "../../src/engine/ortExecutor.js";
import { captureTwice, isLookedAtAgain } from "../../src/engine/rehearse.js";
import { float32Tensor, float32Values } from "../../src/storage/hostTensor.js";
import type { Tensor } from "../../src/tensor/tf.js";
import { tf } from "../../src/tensor/tf.js";
import { Variable } from "../../src/tensor/variable.js";

const SPEC = { x: { dtype: "float32", shape: [3] } } as const;
const X = float32Tensor(Float32Array.of(1, 2, 3), [3]);
const over =
  (f: (x: Tensor, index: number) => Record<string, Tensor>): StepFunction =>
  (inputs, recording) =>
    f(inputs["x"] as Tensor, recording === "again" ? 1000003 : 0);

let calls = 0;

test.each<[string, StepFunction, RegExp]>([
  [
    "Math.random",
    over((x) => ({ y: tf.mul(x, Math.random()) })),
    /in Multiply at .*rehearse\.test\.ts:\d+:\d+, "float32\[3\] = Mul\(%0, float32 0\.\d+\)" and then/,
  ],
  ["the time", over((x) => ({ y: tf.add(x, performance.now()) })), /in Add at .*rehearse\.test\.ts/],
  [
    "a counter",
    over((x) => {
      calls += 1;
      return { y: tf.mul(x, calls) };
    }),
    /in Multiply at .*rehearse\.test\.ts/,
  ],
  ["the index of the batch", over((x, index) => ({ y: tf.mul(x, index) })), /Mul\(%0, float32 0\).*1000003/],
  [
    "what is given back only for some batches",
    over((x, index): Record<string, Tensor> => (index === 0 ? { y: x, log: tf.sum(x) } : { y: x })),
    /"float32\[\] = ReduceSum/,
  ],
  [
    "more than six numbers of its own",
    over((x) => ({ y: tf.concat([x, tf.tensor1d(Array.from({ length: 9 }, () => Math.random()))]) })),
    /const<float32\[9\]> [0-9a-f]{40}/,
  ],
  [
    "a Variable of its own",
    over((x) => ({ y: tf.add(x, new Variable(float32Tensor(Float32Array.of(1), [1])).value) })),
    /makes a Variable each time/,
  ],
])("a step that uses %s is refused at its line, with the way out", (_, step, message) => {
  expect(() => captureTwice(step, SPEC)).toThrow(
    expect.objectContaining({ code: "engine.unsupported", message: expect.stringMatching(message) as string }) as Error,
  );
});

test("a step's own constants, large ones too, are no reason to refuse it", () => {
  const table = Array.from({ length: 30 }, (_, i) => Math.sin(i));
  const step = over((x) => ({ y: tf.sum(tf.mul(tf.tensor1d(table), tf.mean(x))) }));
  expect(captureTwice(step, SPEC).text).toContain("const<float32[30]>");
});

test("a step that becomes another one later is found out when it is looked at again", async () => {
  let factor = 2;
  const executor = await ortExecutor();
  const compiled = executor.compile(over((x) => ({ y: tf.mul(x, factor) })));
  for (let run = 1; run <= 31; run += 1) (await compiled.run({ x: X })).dispose();
  factor = 3;
  await expect(compiled.run({ x: X })).rejects.toThrow(/depends on more than its inputs.*2.*and then.*3/);
  await executor.dispose();
});

test("steps are looked at again before their 32nd, 1024th and 32768th run", () => {
  const looks = Array.from({ length: 40000 }, (_, i) => i + 1).filter(isLookedAtAgain);
  expect(looks).toEqual([32, 1024, 32768]);
});

test("two steps that are the same graph over the same Variables share one session", async () => {
  const compilations: Compilation[] = [];
  const executor = await ortExecutor({ onCompile: (compilation) => compilations.push(compilation) });
  const [one, other] = [1, 2].map(() => new Variable(float32Tensor(Float32Array.of(1, 1, 1), [3])));
  const adding = (variable = one): StepFunction =>
    over((x) => {
      variable?.assign(tf.add(variable.value, x));
      return {};
    });
  for (const variable of [one, one, other]) (await executor.compile(adding(variable)).run({ x: X })).dispose();
  expect(compilations).toHaveLength(2);
  expect([...float32Values(await executor.read(one as Variable))]).toEqual([3, 5, 7]);
  await executor.dispose();
  expect([...float32Values(await (other as Variable).read())]).toEqual([2, 3, 4]);
});
