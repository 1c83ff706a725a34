import fc from "fast-check";
import { LtrainError } from "../../src/errors.js";
import { asItems, float, fromPlain, tuple } from "../../src/pickle/convert.js";
import { pickle } from "../../src/pickle/pickler.js";
import { unpickle } from "../../src/pickle/unpickler.js";
import { PyComplex, PyDict, PyFloat, PyGlobal, PyObject, PySet, PyTuple } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { readFileSync } from "node:fs";
import { spell } from "./spelling.js";

const { cases } = JSON.parse(readFileSync(new URL("../fixtures/pickle/protocols.json", import.meta.url), "utf8")) as {
  cases: Readonly<Record<string, readonly string[]>>;
};

const hex = (value: PyValue): string => Buffer.from(pickle(value)).toString("hex");

// What CPython writes for make.py's values; it writes empty bytes as bytes(), which torch's restricted loader refuses.
test.each(Object.keys(cases).filter((name) => name !== "bytes"))(
  "%s read and written again are the bytes that CPython wrote",
  (name) => {
    const bytes = cases[name]?.[2] ?? "";
    expect(hex(unpickle(new Uint8Array(Buffer.from(bytes, "hex"))))).toBe(bytes);
  },
);

test("a dict of an int, a float and strings is what torch.save writes, byte for byte", () => {
  // pickle.dumps({"a": 1, "b": 2.5, "c": "a"}, 2): the second "a" is the first one again.
  expect(hex(PyDict.from({ a: 1, b: float(2.5), c: "a" }))).toBe(
    "80027d71002858010000006171014b01580100000062710247400400000000000058010000006371036801752e",
  );
});

test("an int stays an int and a float a float, whole or not", () => {
  for (const value of [1, float(1), 0, float(0), float(-0), 2 ** 53, 2n ** 63n, -(2n ** 63n), 255, 256, 65536, -1]) {
    expect(spell(unpickle(pickle(value)))).toBe(spell(value));
  }
  expect(spell(unpickle(pickle(1.5)))).toBe("float 1.5");
});

test("what is shared is written once and is one object again", () => {
  const shared: PyValue = [1];
  const value = asItems(unpickle(pickle([shared, tuple(shared)])));
  expect(asItems(value?.[1])?.[0]).toBe(value?.[0]);
});

test("a list that holds itself, and a tuple in a list in it, come back as they were", () => {
  const list: PyValue[] = [];
  list.push(list);
  const again = unpickle(pickle(list));
  expect(asItems(again)?.[0]).toBe(again);
  const inner: PyValue[] = [];
  const outer = tuple(inner);
  inner.push(outer);
  const back = unpickle(pickle(outer));
  expect(asItems(asItems(back)?.[0])?.[0]).toBe(back);
});

test("empty bytes are written in the form that weights_only accepts", () => {
  expect(Buffer.from(pickle(new Uint8Array(0))).toString("latin1")).toContain("c_codecs\nencode\n");
  expect(spell(unpickle(pickle(new Uint8Array(0))))).toBe("bytes ");
});

test("an object with keyword arguments, state and items survives", () => {
  const object = new PyObject(new PyGlobal("m", "C"), tuple(1), { how: "newobj" });
  object.state = PyDict.from({ a: 1 });
  object.listItems.push(1, 2);
  object.dictItems.set("k", "v");
  expect(spell(unpickle(pickle(object)))).toBe(spell(object));
});

test("a value deeper than Python can read is refused", () => {
  let deep: PyValue = 0;
  for (let i = 0; i < 1100; i += 1) deep = [deep];
  expect(() => pickle(deep)).toThrow(LtrainError);
});

const atom = fc.oneof(
  fc.constant<PyValue>(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 3000n }),
  fc.bigInt({ min: -(2n ** 3000n), max: -(2n ** 53n) }),
  fc.double().map((value) => new PyFloat(value)),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }),
  fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
  fc.tuple(fc.double(), fc.double()).map(([real, imag]) => new PyComplex(real, imag)),
  fc.constant<PyValue>(new PyGlobal("torch", "float32")),
);
const key = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.tuple(fc.string(), fc.integer()).map((items) => tuple(...items)),
);
const { tree } = fc.letrec<{ tree: PyValue }>((self) => {
  const child = self("tree");
  const pairs = fc.array(fc.tuple(key, child), { maxLength: 5 });
  return {
    tree: fc.oneof(
      { maxDepth: 4 },
      atom,
      fc.array(child, { maxLength: 5 }),
      fc.array(child, { maxLength: 5 }).map((items) => new PyTuple(items)),
      pairs.map((entries) => new PyDict(entries)),
      pairs.map((entries) => new PyDict(entries, "OrderedDict")),
      fc.array(fc.string(), { maxLength: 5 }).map((items) => new PySet(items)),
    ),
  };
});

test("whatever is pickled is read back the same", () => {
  fc.assert(
    fc.property(tree, (value) => {
      expect(spell(unpickle(pickle(value)))).toBe(spell(value));
    }),
  );
});

test("a list and a dict of any length keep their order", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3005 }), (length) => {
      const list = Array.from({ length }, (_, i) => i);
      const kinds = ["dict", "OrderedDict"] as const;
      const dicts = kinds.map(
        (kind) =>
          new PyDict(
            list.map((i) => [String(i), i]),
            kind,
          ),
      );
      const value = fromPlain([list, ...dicts]);
      expect(spell(unpickle(pickle(value)))).toBe(spell(value));
    }),
    { numRuns: 20 },
  );
});
