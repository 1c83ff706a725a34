import fc from "fast-check";
import { OPCODES } from "../../src/pickle/opcodes.js";

/** Names that a file of torch has, and some that nobody should call. */
const NAMES = [
  "collections\nOrderedDict",
  "collections\ndefaultdict",
  "torch._utils\n_rebuild_tensor_v2",
  "torch._utils\n_rebuild_parameter",
  "torch._utils\n_rebuild_qtensor",
  "torch._utils\n_rebuild_sparse_tensor",
  "torch._tensor\n_rebuild_from_type_v2",
  "torch\nFloatStorage",
  "torch\nSize",
  "torch\ndevice",
  "numpy._core.multiarray\n_reconstruct",
  "numpy\ndtype",
  "numpy\nndarray",
  "_codecs\nencode",
  "builtins\nbytearray",
  "builtins\nset",
  "builtins\ngetattr",
  "datetime\ndatetime",
  "decimal\nDecimal",
  "pathlib\nPosixPath",
  "os\nsystem",
  "copyreg\n_reconstructor",
];
const TEXTS = [
  "state_dict",
  "weight",
  "__proto__",
  "constructor",
  "toString",
  "storage",
  "0",
  "cpu",
  "epoch",
  "é",
  "\0",
];

const byte = (value: number): Buffer => Buffer.from([value]);
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([byte(OPCODES.BINUNICODE.byte), u32(bytes.length), bytes]);
};
const global = (name: string): Buffer => Buffer.from(`c${name}\n`);

/** A tensor as torch writes it, with any numbers. */
const someTensor = fc
  .record({
    numel: fc.constantFrom(6, 6, 6, 0, 7, 1 << 20),
    offset: fc.constantFrom(0, 0, 1, 5, 0x7fffffff),
    size: fc.array(fc.constantFrom(0, 1, 2, 3, 6, 0x7fffffff), { maxLength: 3 }),
    stride: fc.array(fc.constantFrom(0, 1, 2, 3, 0x7fffffff), { maxLength: 3 }),
  })
  .map(({ numel, offset, size, stride }) => {
    const int = (value: number): Buffer => Buffer.concat([byte(OPCODES.BININT.byte), u32(value)]);
    const tuple = (items: readonly number[]): Buffer =>
      Buffer.concat([Buffer.from("("), ...items.map(int), Buffer.from("t")]);
    return Buffer.concat([
      global("torch._utils\n_rebuild_tensor_v2"),
      Buffer.from("(("),
      text("storage"),
      global("torch\nFloatStorage"),
      text("0"),
      text("cpu"),
      int(numel),
      Buffer.from("tQ"),
      int(offset),
      tuple(size),
      tuple(stride),
      Buffer.from([OPCODES.NEWFALSE.byte]),
      global("collections\nOrderedDict"),
      Buffer.from(")RtR"),
    ]);
  });

/** Opcodes that take no operand, or a small one that is always there. */
const PLAIN = Object.values(OPCODES)
  .map(({ byte: value }) => value)
  .filter((value) => value !== OPCODES.STOP.byte);

const somePiece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(..."}]()ReEuastbQ012l~NqhrjB".split("")).map((code) => Buffer.from(code)) },
  { weight: 3, arbitrary: fc.constantFrom(...TEXTS).map(text) },
  { weight: 2, arbitrary: fc.constantFrom(...NAMES).map(global) },
  { weight: 2, arbitrary: someTensor },
  { weight: 2, arbitrary: fc.nat({ max: 255 }).map((value) => byte(value)) },
  { weight: 1, arbitrary: fc.constantFrom(...PLAIN).map(byte) },
  { weight: 1, arbitrary: fc.nat({ max: 20 }).map((index) => Buffer.from([OPCODES.BINPUT.byte, index])) },
  { weight: 1, arbitrary: fc.nat({ max: 20 }).map((index) => Buffer.from([OPCODES.BINGET.byte, index])) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)) },
);

/** A pickle: opcodes, names, texts and tensors in any order, in a dict or not. */
export const somePickle: fc.Arbitrary<Buffer> = fc
  .tuple(fc.constantFrom("", "}", "}("), fc.array(somePiece, { maxLength: 40 }), fc.constantFrom("", "s.", "u.", "."))
  .map(([head, pieces, tail]) =>
    Buffer.concat([Buffer.from([0x80, 2]), Buffer.from(head), ...pieces, Buffer.from(tail)]),
  );
