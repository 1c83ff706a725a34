import { describeValue } from "../../src/checkpoint/describeValue.js";
import { pythonFloat } from "../../src/pickle/pythonFloat.js";
import { float, tuple } from "../../src/pickle/convert.js";
import { PyComplex, PyDict, PyGlobal, PyObject, PySet } from "../../src/pickle/values.js";

test("floats are printed as Python's repr prints them", () => {
  // From Python 3: [repr(x) for x in (...)]
  const expected: [number, string][] = [
    [1e-8, "1e-08"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [0.001, "0.001"],
    [1, "1.0"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [1.5e300, "1.5e+300"],
    [0.09000000000000001, "0.09000000000000001"],
    [-0, "-0.0"],
    [-Infinity, "-inf"],
    [NaN, "nan"],
  ];
  for (const [value, text] of expected) expect(pythonFloat(value)).toBe(text);
});

test("a value is one line of Python", () => {
  const value = PyDict.from({
    betas: tuple(float(0.9), float(0.999)),
    on: true,
    none: null,
    n: 1,
    list: ["it's", 'a "b"'],
  });
  expect(describeValue(value)).toBe(
    `{'betas': (0.9, 0.999), 'on': True, 'none': None, 'n': 1, 'list': ["it's", 'a "b"']}`,
  );
  expect(describeValue(tuple(1))).toBe("(1,)");
  expect(describeValue(new PySet([1, "a"], true))).toBe("frozenset({1, 'a'})");
  expect(describeValue(new PySet([], true))).toBe("frozenset()");
  // From Python 3: repr(complex("nan-infj")), repr(complex(1, -2.5)), repr(complex(0, 1)).
  expect(describeValue(new PyComplex(NaN, -Infinity))).toBe("(nan-infj)");
  expect(describeValue(new PyComplex(1, -2.5))).toBe("(1-2.5j)");
  expect(describeValue(new PyComplex(0, 1))).toBe("1j");
  expect(describeValue(new PyObject(new PyGlobal("pathlib", "PosixPath"), tuple("a")))).toBe("pathlib.PosixPath('a')");
});

test("a list that contains itself ends", () => {
  const list: Parameters<typeof describeValue>[0][] = [1];
  list.push(list);
  expect(describeValue(list)).toBe("[1, [1, [1, [1, [1, [1, [1, [1, ...]]]]]]]]");
});
