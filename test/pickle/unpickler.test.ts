import { readFileSync } from "node:fs";
import { LtrainError } from "../../src/errors.js";
import { readPickle, unpickle } from "../../src/pickle/unpickler.js";
import { OPCODES } from "../../src/pickle/opcodes.js";
import { PyDict, PyGlobal, PyObject, PyTuple } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { spell } from "./spelling.js";

const { cases } = JSON.parse(readFileSync(new URL("../fixtures/pickle/protocols.json", import.meta.url), "utf8")) as {
  cases: Readonly<Record<string, readonly string[]>>;
};

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const messageOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof LtrainError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
};

/** What Python says of the values in test/fixtures/pickle/make.py, in the words of spell(). */
const EXPECTED: Readonly<Record<string, string>> = {
  ints:
    "[int 0, int 1, int 255, int 256, int 65535, int 65536, int -1, int 2147483647, int -2147483648, int 2147483648, " +
    "int 9007199254740992, int 9007199254740993, int -9223372036854775808, int 18446744073709551616, " +
    `int 1${"0".repeat(40)}, int -1${"0".repeat(40)}]`,
  floats: "[float 0, float -0, float 1.5, float 1e+308, float 5e-324, float Infinity, float -Infinity, float 0.1]",
  constants: "[None, True, False]",
  strings: `["", "a", "é", "鍵🎉", "line\\nbreak", "back\\\\slash", "quote'\\"", "nul\\u0000", "lone \\ud800", "${"x".repeat(300)}"]`,
  bytes: `[bytes , bytes 616263, bytes ${Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("hex")}]`,
  tuples: "[(), (int 1), (int 1, int 2), (int 1, int 2, int 3), (int 1, int 2, int 3, int 4)]",
  lists: "[[], [int 1], [[]], [[int 1, [int 2, [int 3]]]]]",
  dicts:
    '[dict{}, dict{"a": int 1}, dict{"a": int 1, "b": [int 2]}, dict{int 1: "int", "1": "str"}, ' +
    'dict{(int 1, "a"): int 0, None: int 1, float 2.5: int 2}]',
  proto: 'dict{"__proto__": int 1, "constructor": int 2, "2": int 3, "1": int 4}',
  ordered: '[OrderedDict{}, OrderedDict{"b": int 1, "a": int 2}]',
  counter: "Counter{int 2: int 2, int 5: int 1}",
  defaultdict: 'defaultdict{"x": [int 1]} factory builtins.list',
  sets: "[set{}, set{int 1, int 2}, frozenset{}, frozenset{int 3}]",
  complex: "complex 1 -2",
  shared: "[[int 1, int 2], [int 1, int 2], ([int 1, int 2])]",
  cycle: "[...]",
  "long list": `[${Array.from({ length: 1100 }, (_, i) => `int ${i}`).join(", ")}]`,
  "long dict": `dict{${Array.from({ length: 1001 }, (_, i) => `"${i}": int ${i}`).join(", ")}}`,
};

describe.each([0, 1, 2, 3, 4, 5])("protocol %i", (protocol) => {
  test.each(Object.keys(EXPECTED))("%s are what Python pickled", (name) => {
    const bytes = fromHex(cases[name]?.[protocol] ?? "");
    const read = readPickle(bytes);
    expect(spell(read.value)).toBe(EXPECTED[name]);
    expect(read.end).toBe(bytes.byteLength);
  });

  test("a list that is referenced three times is one list", () => {
    const value = unpickle(fromHex(cases["shared"]?.[protocol] ?? ""));
    const [first, second, third] = value as [PyValue, PyValue, PyTuple];
    expect(second).toBe(first);
    expect(third.items[0]).toBe(first);
  });

  test("a bytearray stays the call that makes it", () => {
    const value = unpickle(fromHex(cases["bytearray"]?.[protocol] ?? ""));
    expect(value).toBeInstanceOf(PyObject);
    expect((value as PyObject).className).toBe("builtins.bytearray");
  });
});

test("a class is named by INST, OBJ, REDUCE, NEWOBJ and NEWOBJ_EX, and never called", () => {
  const programs: readonly [string, string][] = [
    ["(ios\nsystem\nS'id'\np0\n.", "call os.system, ()"],
    ["(S'id'\nios\nsystem\n.", 'call os.system, ("id")'],
    ["(cos\nsystem\nS'id'\no.", 'call os.system, ("id")'],
    ["cos\nsystem\n(S'id'\ntR.", 'call os.system, ("id")'],
    ["\x80\x02cos\nsystem\n(S'id'\nt\x81.", 'newobj os.system, ("id")'],
    ["\x80\x04cos\nsystem\n)}S'k'\nK\x01s\x92.", "newobj os.system, ()"],
    ["\x80\x04\x8c\x02os\x8c\x06system\x93S'id'\n\x85R.", 'call os.system, ("id")'],
  ];
  expect(programs.slice(1).map(([program]) => spell(unpickle(ascii(program))).split(", None")[0])).toEqual(
    programs.slice(1).map(([, expected]) => expected),
  );
});

test("what BUILD, APPENDS and SETITEMS give an unknown object is kept beside it", () => {
  const value = unpickle(ascii("\x80\x02cm\nC\n)\x81(K\x01K\x02e(U\x01aK\x03u}U\x01sK\x04sb."));
  expect(value).toBeInstanceOf(PyObject);
  const object = value as PyObject;
  expect(object.className).toBe("m.C");
  expect(object.listItems).toEqual([1, 2]);
  expect(spell(object.dictItems)).toBe('dict{"a": int 3}');
  expect(spell(object.state ?? null)).toBe('dict{"s": int 4}');
});

test("the names of Python 2 become those of Python 3", () => {
  const { globals } = readPickle(ascii("(c__builtin__\nxrange\nccopy_reg\n_reconstructor\nc__builtin__\nset\nt."));
  expect(globals.map(String)).toEqual(["builtins.range", "copyreg._reconstructor", "builtins.set"]);
});

test("a class inside a class keeps its dotted name when protocol 2 spells it with getattr", () => {
  const value = unpickle(ascii("\x80\x02c__builtin__\ngetattr\ncm\nOuter\nU\x05Inner\x86R."));
  expect(value).toBeInstanceOf(PyGlobal);
  expect(String(value as PyGlobal)).toBe("m.Outer.Inner");
});

test("torch's state_dict keeps _metadata beside its entries, not among them", () => {
  const value = unpickle(ascii("\x80\x02ccollections\nOrderedDict\n)RU\x01wK\x01s}U\x09_metadata}U\x00K\x01ssb."));
  expect(spell(value)).toBe('OrderedDict{"w": int 1} attributes dict{"_metadata": dict{"": int 1}}');
});

test("rebuilders are asked once for each name and given the arguments", () => {
  const asked: string[] = [];
  const value = unpickle(ascii("\x80\x02(cm\nf\nq\x00K\x01\x85Rh\x00K\x02\x85Rcm\ng\n)Rt."), {
    findClass: (global) => {
      asked.push(global.toString());
      return global.name === "f" ? (args) => new PyTuple(["made", ...args]) : undefined;
    },
  });
  expect(asked).toEqual(["m.f", "m.g"]);
  expect(spell(value)).toBe('(("made", int 1), ("made", int 2), call m.g, (), None, [], dict{}, None)');
});

test("a persistent id goes to persistentLoad, as text or as a value", () => {
  const persistentLoad = (id: PyValue): PyValue => new PyTuple(["storage", id]);
  expect(spell(unpickle(ascii("Pabc\n."), { persistentLoad }))).toBe('("storage", "abc")');
  expect(spell(unpickle(ascii("\x80\x02K\x05\x85Q."), { persistentLoad }))).toBe('("storage", (int 5))');
});

test("a pickle in the middle of other bytes is read from start and says where it ends", () => {
  const bytes = ascii("xx\x80\x02K\x07.yy");
  expect(readPickle(bytes, { start: 2 })).toMatchObject({ value: 7, protocol: 2, end: 7 });
});

test("every opcode of the table can be read, and no other", () => {
  const known = new Set<number>(Object.values(OPCODES).map(({ byte }) => byte));
  const unknown = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !known.has(byte));
  for (const byte of unknown) {
    expect(messageOf(() => unpickle(Uint8Array.of(0x80, 2, byte)))).toMatch(
      /byte 2 \(opcode 0x..\): it is not an opcode/,
    );
  }
  for (const byte of known) expect(messageOf(() => unpickle(Uint8Array.of(byte)))).not.toMatch(/is not an opcode/);
});

test.each([
  ["\x80\x02X\xff\xff\xff\x7fab", "byte 2 (BINUNICODE): it needs 2147483647 bytes, and the pickle has 2 more"],
  ["\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffab", "byte 2 (BINUNICODE8): it needs more than 2^53 bytes"],
  ["\x80\x02}K\x01", "byte 5, in [1]: it ends here without STOP"],
  ["\x80\x02K\x01a.", "byte 4 (APPEND): it needs a value, and the stack is empty"],
  ["\x80\x02}K\x01a.", "byte 5 (APPEND): it appends to something that is not a list"],
  ["\x80\x02}(K\x01u.", "byte 6 (SETITEMS), in [1]: it has a key without a value"],
  ["\x80\x02}]K\x01s.", "byte 6 (SETITEM): it has a list, dict or set where Python allows only what can be hashed"],
  ["\x80\x02h\x05.", "byte 2 (BINGET): it asks for memo 5, which was never set"],
  ["\x80\x02t.", "byte 2 (TUPLE): it needs a mark, and there is none"],
  ["\x80\x02cm\nC\nK\x01R.", "byte 9 (REDUCE): it has arguments that are not a tuple"],
  ["\x80\x02}}b.", "byte 4 (BUILD): it sets attributes of something that has none"],
  ["\x80\x06N.", "byte 0 (PROTO): it says protocol 6; the newest is 5"],
  ["\x80\x02\x82\x01.", "byte 2 (EXT1): it names a class as copyreg extension 1"],
  ["\x80\x05\x97.", "byte 2 (NEXT_BUFFER): it refers to a buffer outside the file"],
  ["cmodule", "byte 0 (GLOBAL): it has no newline at its end"],
  ["K\x01Q.", "byte 2 (BINPERSID): it refers to something outside"],
  ["X\x02\0\0\0\xc0\x80.", "byte 0 (BINUNICODE): it has text that is not UTF-8"],
  [`L${"9".repeat(5000)}L\n.`, "byte 0 (LONG): it is an int of more than 4300 digits"],
  ["\x8b\xff\xff\xff\x7f.", "byte 0 (LONG4): it is an int of 2147483647 bytes"],
])("%j is malformed, and the error says where and why", (program, expected) => {
  expect(messageOf(() => unpickle(ascii(program)))).toContain(expected);
});

test("a pickle cut anywhere is malformed, never half a value", () => {
  const bytes = fromHex(cases["dicts"]?.[2] ?? "");
  for (let length = 0; length < bytes.byteLength; length += 1) {
    expect(messageOf(() => unpickle(bytes.subarray(0, length)))).toMatch(/^checkpoint.malformed: pickle, byte \d+/);
  }
});

test("a hundred thousand lists in each other are refused, and nothing overflows", () => {
  const deep = 100_000;
  expect(messageOf(() => unpickle(ascii(`${"]".repeat(deep)}${"a".repeat(deep - 1)}.`)))).toContain(
    "more than 1000 deep",
  );
  expect(messageOf(() => unpickle(ascii(`)${"\x85".repeat(deep)}.`)))).toContain("more than 1000 deep");
});

test("a billion laughs are as small in memory as in the file", () => {
  let program = "]q\x00";
  for (let level = 1; level < 40; level += 1) {
    const before = String.fromCharCode(level - 1);
    program += `](${`h${before}`.repeat(10)}eq${String.fromCharCode(level)}`;
  }
  expect(Array.isArray(unpickle(ascii(`${program}.`)))).toBe(true);
});

test("a list that is copied by call after call runs into a bound", () => {
  const items = "K\x01".repeat(10_000);
  const copies = "c__builtin__\nfrozenset\nh\x00\x85R0".repeat(1000);
  expect(messageOf(() => unpickle(ascii(`](${items}eq\x00${copies}N.`)))).toContain("far more than the file holds");
});

test("a tuple as a key that unfolds to a million parts is refused", () => {
  let program = ")q\x000";
  for (let level = 0; level < 40; level += 1) program += "h\x00h\x00\x86q\x000";
  expect(messageOf(() => unpickle(ascii(`${program}}h\x00K\x01s.`)))).toContain("a dictionary key has more than");
});

test("Python's equal keys are one key with the first spelling and the last value", () => {
  const value = unpickle(ascii("}(K\x01U\x01aG\x3f\xf0\0\0\0\0\0\0U\x01b\x88U\x01cu."));
  expect(value).toBeInstanceOf(PyDict);
  expect(spell(value)).toBe('dict{int 1: "c"}');
});

test("an error's key path goes through a list of one item, which is filled without a mark", () => {
  // pickletools.optimize(pickle.dumps({"a": 1, "opt": [{"state": 7, "lr": X}]}, 2)), and an unknown opcode in place of X.
  const bytes = Buffer.from(
    "\x80\x02}(X\x01\0\0\0aK\x01X\x03\0\0\0opt]}(X\x05\0\0\0stateK\x07X\x02\0\0\0lr\xff",
    "latin1",
  );
  expect(() => unpickle(new Uint8Array(bytes))).toThrow('in opt[0]["lr"]');
});

test("a persistent id of protocol 0 is a line of text, and is given as it stands", () => {
  const bytes = Buffer.from("(dp0\nVw\nP('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 1)\ns.", "latin1");
  const ids: unknown[] = [];
  unpickle(new Uint8Array(bytes), {
    persistentLoad: (id) => {
      ids.push(id);
      return null;
    },
  });
  expect(ids).toEqual(["('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 1)"]);
});
