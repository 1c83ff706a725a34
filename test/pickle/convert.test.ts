import { asDict, asItems, asNumber, float, fromPlain, toPlain, tuple } from "../../src/pickle/convert.js";
import { PyDict, PyFloat, PyGlobal, PyObject, PyTuple } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { spell } from "./spelling.js";

test("plain JavaScript becomes what Python would have", () => {
  const plain = { int: 1, float: 0.5, list: [1, "a", null, true], nested: { a: {} }, left_out: undefined };
  expect(spell(fromPlain(plain))).toBe(
    'dict{"int": int 1, "float": float 0.5, "list": [int 1, "a", None, True], "nested": dict{"a": dict{}}}',
  );
  expect(fromPlain(-0)).toBeInstanceOf(PyFloat);
  expect(
    spell(
      fromPlain(
        new Map<unknown, unknown>([
          [1, "one"],
          ["1", tuple(1)],
        ]),
      ),
    ),
  ).toBe('dict{int 1: "one", "1": (int 1)}');
  expect(() => fromPlain(() => 0)).toThrow(TypeError);
});

test("a Python value becomes plain JavaScript, with __proto__ an ordinary key", () => {
  const value = new PyDict([
    ["__proto__", float(1)],
    [2, tuple(1, [null])],
    [true, "yes"],
  ]);
  const plain = toPlain(value) as Record<string, unknown>;
  expect(Object.keys(plain)).toEqual(["2", "__proto__", "True"]); // JavaScript puts integer-like keys first
  expect(Object.getPrototypeOf(plain)).toBeNull();
  expect(plain["__proto__"]).toBe(1);
  expect(plain["2"]).toEqual([1, [null]]);
});

test("what is shared or cyclic stays so, and nothing is unfolded", () => {
  const list: PyValue[] = [];
  list.push(list);
  const plain = toPlain(list) as unknown[];
  expect(plain[0]).toBe(plain);
  let laughs: PyValue = ["ha"];
  for (let level = 0; level < 100; level += 1) laughs = [laughs, laughs, laughs];
  expect(Array.isArray(toPlain(laughs))).toBe(true);
});

test("numbers, items and dict-like objects are recognised, booleans are no numbers", () => {
  expect([1, float(1.5), 2n, true, "1", null, undefined].map(asNumber)).toEqual([1, 1.5, 2, ...Array<undefined>(4)]);
  expect(asItems(tuple(1, 2))).toEqual([1, 2]);
  expect(asItems("ab")).toBeUndefined();
  const namespace = new PyObject(new PyGlobal("argparse", "Namespace"), new PyTuple([]), { how: "newobj" });
  namespace.state = PyDict.from({ lr: float(0.1) });
  expect(asDict(namespace)?.get("lr")).toEqual(float(0.1));
  const attributes = new PyObject(new PyGlobal("lightning_fabric.utilities.data", "AttributeDict"), new PyTuple([]));
  expect(asDict(attributes)?.size).toBe(0);
  expect(asDict(new PyObject(new PyGlobal("pathlib", "PosixPath"), tuple("a")))).toBeUndefined();
});

test("an OmegaConf configuration is what it holds, without its bookkeeping", () => {
  // The state that omegaconf 2 pickles: _metadata, _parent, and _content of nodes with _val.
  const object = (name: string, state: Readonly<Record<string, PyValue>>): PyObject => {
    const made = new PyObject(new PyGlobal("omegaconf", name), tuple());
    made.state = PyDict.from({ _metadata: new PyDict(), _parent: null, ...state });
    return made;
  };
  const node = (value: PyValue): PyObject => object("nodes.AnyNode", { _val: value });
  const betas = object("listconfig.ListConfig", { _content: [node(float(0.9)), node(1)] });
  const inner = object("dictconfig.DictConfig", { _content: PyDict.from({ betas }) });
  const config = object("dictconfig.DictConfig", {
    _content: PyDict.from({ lr: node(float(0.1)), optimizer: inner, ref: node("${lr}") }),
  });
  if (config.state instanceof PyDict) config.state.set("_parent", config); // a cycle, as nodes have with their parents
  expect(spell(asDict(config) ?? null)).toBe(
    'dict{"lr": float 0.1, "optimizer": dict{"betas": [float 0.9, int 1]}, "ref": "${lr}"}',
  );
});

test("a dict whose keys are all strings is the Map of its items, in order; any other key makes it none", () => {
  const dict = PyDict.from({ b: 1, a: 2, "": 3 });
  expect([...(dict.named ?? [])]).toEqual([
    ["b", 1],
    ["a", 2],
    ["", 3],
  ]);
  expect([...(new PyDict().named ?? [["not empty"]])]).toEqual([]);
  const others = [1, null, true, float(1.5), new PyGlobal("m", "C"), new PyTuple(["a"]), Uint8Array.of(97), "\0a"];
  for (const key of others) expect(new PyDict([...dict, [key, 0]]).named).toBeUndefined();
});
