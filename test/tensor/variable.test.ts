import { tf } from "../../src/tensor/tf.js";
import { Variable } from "../../src/tensor/variable.js";
import { float32Tensor, float32Values } from "../../src/storage/hostTensor.js";

const variable = (...values: number[]): Variable =>
  new Variable(float32Tensor(Float32Array.from(values), [values.length]));

test("two variables that are assigned one tensor do not own each other's value", async () => {
  const [a, b] = [variable(1, 2), variable(3, 4)];
  tf.tidy(() => {
    const next = tf.add(a.value, 1);
    a.assign(next);
    b.assign(a.value);
  });
  a.dispose();
  expect([...float32Values(await b.read())]).toEqual([2, 3]);
});

test("a value that was never computed with is read as the object that was written", async () => {
  const host = float32Tensor(Float32Array.of(1), [1]);
  expect(await new Variable(host).read()).toBe(host);
});

test("another shape is refused", () => {
  expect(() => {
    variable(1, 2).assign(tf.zeros([3]));
  }).toThrow("[2] cannot become [3]");
});
