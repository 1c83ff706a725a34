import { keyText } from "../../src/pickle/convert.js";
import { PyDict, PyFloat, PyTuple, type PyValue } from "../../src/pickle/values.js";
import { float32Values } from "../../src/storage/hostTensor.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";

/** The same keys in the same order with the same types; numbers are equal, tensors within 1e-5 of each other. */
export async function expectSameTree(actual: PyValue, expected: PyValue, path = ""): Promise<void> {
  if (expected instanceof StoredTensor) {
    if (!(actual instanceof StoredTensor)) throw new Error(`${path} is no tensor`);
    expect([path, actual.dtype, actual.shape]).toEqual([path, expected.dtype, expected.shape]);
    const [a, b] = [float32Values(await readTensor(actual)), float32Values(await readTensor(expected))];
    const off = [...b].map((value, i) => {
      const own = a[i] ?? Number.NaN;
      return Object.is(own, value) ? 0 : Math.abs(own - value) / Math.max(1, Math.abs(value)); // infinities are equal
    });
    const worst = Math.max(0, ...off);
    if (!(worst <= 1e-5)) throw new Error(`${path} is off by ${worst}`);
    return;
  }
  expect([path, actual?.constructor]).toEqual([path, expected?.constructor]);
  if (expected instanceof PyDict && actual instanceof PyDict) {
    expect([path, actual.kind, actual.keys()]).toEqual([path, expected.kind, expected.keys()]);
    for (const [key, value] of expected)
      await expectSameTree(actual.get(key) ?? null, value, `${path}.${keyText(key)}`);
    return;
  }
  const items = (value: PyValue): readonly PyValue[] | undefined =>
    value instanceof PyTuple ? value.items : Array.isArray(value) ? value : undefined;
  const [own, theirs] = [items(actual), items(expected)];
  if (own === undefined || theirs === undefined) {
    // A metric is a mean of float32 losses, and agrees as they do.
    if (path.endsWith(".best") && actual instanceof PyFloat && expected instanceof PyFloat) {
      expect(Math.abs(actual.value - expected.value) / expected.value).toBeLessThanOrEqual(1e-5);
    } else expect([path, actual]).toEqual([path, expected]);
    return;
  }
  expect([path, own.length]).toEqual([path, theirs.length]);
  for (const [i, value] of theirs.entries()) await expectSameTree(own[i] ?? null, value, `${path}[${i}]`);
}
