import type { OpcodeName } from "./opcodes.js";
import { OPCODES } from "./opcodes.js";

/** What follows an opcode's byte: so many bytes, lines, or a length of so many bytes and what it counts. */
type Operand = number | { readonly lines: number } | { readonly lengthBytes: 1 | 4 | 8 };

const LINE: Operand = { lines: 1 };
const COUNTED_1: Operand = { lengthBytes: 1 };
const COUNTED_4: Operand = { lengthBytes: 4 };
const COUNTED_8: Operand = { lengthBytes: 8 };

/** Opcodes with an operand (Python's pickletools.py); the others are their byte alone. */
const OPERANDS: Partial<Record<OpcodeName, Operand>> = {
  FLOAT: LINE,
  INT: LINE,
  LONG: LINE,
  PERSID: LINE,
  STRING: LINE,
  UNICODE: LINE,
  PUT: LINE,
  GLOBAL: { lines: 2 },
  INST: { lines: 2 },
  BININT: 4,
  BININT1: 1,
  BININT2: 2,
  BINFLOAT: 8,
  BINPUT: 1,
  LONG_BINPUT: 4,
  PROTO: 1,
  EXT1: 1,
  EXT2: 2,
  EXT4: 4,
  FRAME: 8,
  SHORT_BINSTRING: COUNTED_1,
  LONG1: COUNTED_1,
  SHORT_BINBYTES: COUNTED_1,
  SHORT_BINUNICODE: COUNTED_1,
  BINSTRING: COUNTED_4,
  LONG4: COUNTED_4,
  BINBYTES: COUNTED_4,
  BINUNICODE: COUNTED_4,
  BINUNICODE8: COUNTED_8,
  BINBYTES8: COUNTED_8,
  BYTEARRAY8: COUNTED_8,
};

/** Of a byte: the bytes of its operand, or what says how long that is; undefined for what is no opcode. */
function operandTable(): (Operand | undefined)[] {
  const byByte = new Array<Operand | undefined>(256).fill(undefined);
  for (const [name, { byte }] of Object.entries(OPCODES)) byByte[byte] = OPERANDS[name as OpcodeName] ?? 0;
  return byByte;
}

/**
 * Which memo numbers a pickle ever asks for, a bit for each; undefined where that is not plain to see. Python's pickler
 * remembers everything and asks for little: of a hundred thousand tensors half a million tuples need not be kept.
 */
export function recalledNumbers(bytes: Uint8Array, start: number): Uint8Array | undefined {
  const operands = operandTable();
  const bits = new Uint8Array((bytes.byteLength >> 3) + 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  for (let at = start; at < length;) {
    const byte = bytes[at] ?? 0;
    at += 1;
    if (byte === OPCODES.STOP.byte) return bits;
    if (byte === OPCODES.BINGET.byte || byte === OPCODES.LONG_BINGET.byte) {
      const width = byte === OPCODES.BINGET.byte ? 1 : 4;
      if (at + width > length) return undefined;
      const number = width === 1 ? (bytes[at] ?? 0) : view.getUint32(at, true);
      if (number < length) bits[number >> 3] = (bits[number >> 3] ?? 0) | (1 << (number & 7));
      at += width;
      continue;
    }
    const operand = operands[byte];
    if (typeof operand === "number") at += operand;
    else if (operand === undefined || byte === OPCODES.GET.byte) return undefined;
    else if ("lines" in operand) {
      for (let line = 0; line < operand.lines; line += 1) {
        const end = bytes.indexOf(0x0a, at);
        if (end < 0) return undefined;
        at = end + 1;
      }
    } else {
      const { lengthBytes } = operand;
      if (at + lengthBytes > length) return undefined;
      const high = lengthBytes === 8 ? view.getUint32(at + 4, true) : 0;
      at += lengthBytes + (lengthBytes === 1 ? (bytes[at] ?? 0) : view.getUint32(at, true)) + high * 2 ** 32;
    }
  }
  return undefined;
}
