import { jsonValue } from "../../src/checkpoint/jsonValue.js";
import { float, tuple } from "../../src/pickle/convert.js";
import { PyDict, PyGlobal, PyObject } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";

test("a value that others share is written out for each of them", () => {
  const betas = tuple(float(0.9), float(0.999));
  expect(jsonValue([betas, betas])).toEqual([
    [0.9, 0.999],
    [0.9, 0.999],
  ]);
});

test("a few lists that share each other beyond all measure end, and so does a cycle", () => {
  let laughs: PyValue = "ha";
  for (let level = 0; level < 12; level += 1) laughs = Array<PyValue>(10).fill(laughs);
  // Written out in full these are 10^12 words.
  expect(JSON.stringify(jsonValue(laughs)).length).toBeLessThan(2_000_000);
  const loop: PyValue[] = [1];
  loop.push(loop);
  expect(jsonValue(loop)).toEqual([1, "..."]);
});

test("what JSON has no word for is text; paths, numpy's numbers and namespaces are what they stand for", () => {
  const namespace = new PyObject(new PyGlobal("argparse", "Namespace"), tuple(), { how: "newobj" });
  namespace.state = PyDict.from({ lr: float(0.5) });
  const path = new PyObject(new PyGlobal("pathlib", "PosixPath"), tuple("/", "data", "mnist"));
  const size = new PyObject(new PyGlobal("torch", "Size"), tuple(tuple(2, 3)));
  const value = PyDict.from({ namespace, path, size, nan: float(NaN), inf: float(-Infinity), big: 2n ** 70n });
  expect(JSON.parse(JSON.stringify(jsonValue(value)))).toEqual({
    namespace: { lr: 0.5 },
    path: "/data/mnist",
    size: [2, 3],
    nan: "nan",
    inf: "-inf",
    big: "1180591620717411303424",
  });
});

test("a long text, name or list that is shared without end is written so often and no more", () => {
  const long = "a".repeat(1_000_000);
  const many = (value: PyValue): PyValue[] => Array.from({ length: 1000 }, () => value);
  const dictOf = (): PyDict => PyDict.from({ [long]: 1 });
  const global = new PyGlobal("acme", long);
  const objectOf = (): PyObject => new PyObject(global, tuple());
  const shared = [
    many(long),
    many(2n ** 100_000n),
    many(global),
    Array.from({ length: 1000 }, dictOf),
    Array.from({ length: 1000 }, objectOf),
    many(Array.from({ length: 100_000 }, () => 1)),
  ];
  // Each of them spelled out is 30 to 1000 million characters; the limit is 2^22, and what is new is free.
  for (const each of shared) expect(JSON.stringify(jsonValue(each)).length).toBeLessThan(7_000_000);
  const samples = Array.from({ length: 100_000 }, () => PyDict.from({ label: "cat", path: "images/0.png" }));
  expect((jsonValue(samples) as unknown[]).at(-1)).toEqual({ label: "cat", path: "images/0.png" });
});

test("deeper than 200 levels nothing is written", () => {
  let deep: PyValue = "here";
  for (let level = 0; level < 200; level += 1) deep = [deep];
  expect(JSON.stringify(jsonValue(deep))).toBe(`${"[".repeat(200)}"here"${"]".repeat(200)}`);
  expect(JSON.stringify(jsonValue([deep]))).toBe(`${"[".repeat(200)}"..."${"]".repeat(200)}`);
});
