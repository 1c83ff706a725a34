import type { Instruction, PickleMachine } from "./machine.js";
import type { OpcodeName } from "./opcodes.js";
import { decodeUtf8 } from "./utf8.js";
import { PyFloat, PyObject, PyTuple } from "./values.js";

/** An int of more bytes than this is not a number that anybody trains with. */
const MAX_INT_BYTES = 1 << 16;
/** Python's own limit for an int that is spelled out (sys.set_int_max_str_digits). */
const MAX_INT_DIGITS = 4300;

/** Numbers, strings and bytes: what a pickle holds before it is put into anything. */
export const ATOMS: Partial<Record<OpcodeName, Instruction>> = {
  NONE: (m) => {
    m.push(null);
  },
  NEWTRUE: (m) => {
    m.push(true);
  },
  NEWFALSE: (m) => {
    m.push(false);
  },
  BININT: (m) => {
    m.push(m.i32());
  },
  BININT1: (m) => {
    m.push(m.u8());
  },
  BININT2: (m) => {
    m.push(m.u16());
  },
  LONG1: (m) => {
    m.push(twosComplement(m.take(m.u8())));
  },
  LONG4: (m) => {
    const length = m.i32();
    if (length > MAX_INT_BYTES)
      throw m.malformed(`is an int of ${length} bytes; more than ${MAX_INT_BYTES} are not read`);
    m.push(twosComplement(m.take(length)));
  },
  INT: (m) => {
    const line = m.lineText();
    m.push(line === "00" ? false : line === "01" ? true : decimal(m, line));
  },
  LONG: (m) => {
    m.push(decimal(m, m.lineText().replace(/L$/, "")));
  },
  BINFLOAT: (m) => {
    m.push(new PyFloat(m.f64()));
  },
  FLOAT: (m) => {
    m.push(new PyFloat(floatOf(m, m.lineText())));
  },
  BINUNICODE: (m) => {
    m.push(m.text(m.u32()));
  },
  SHORT_BINUNICODE: (m) => {
    m.push(m.text(m.u8()));
  },
  BINUNICODE8: (m) => {
    m.push(m.text(m.u64()));
  },
  UNICODE: (m) => {
    m.push(rawUnicodeEscape(m, Buffer.from(m.line()).toString("latin1")));
  },
  STRING: (m) => {
    pushString(m, unquote(m, Buffer.from(m.line()).toString("latin1")));
  },
  BINSTRING: (m) => {
    pushString(m, m.take(m.i32()));
  },
  SHORT_BINSTRING: (m) => {
    pushString(m, m.take(m.u8()));
  },
  BINBYTES: (m) => {
    m.push(m.take(m.u32()).slice());
  },
  SHORT_BINBYTES: (m) => {
    m.push(m.take(m.u8()).slice());
  },
  BINBYTES8: (m) => {
    m.push(m.take(m.u64()).slice());
  },
  BYTEARRAY8: (m) => {
    const bytes = m.take(m.u64()).slice();
    m.push(new PyObject(m.global("builtins", "bytearray"), new PyTuple([bytes])));
  },
};

/** A Python 2 str: text where it is UTF-8, bytes where it is not. */
function pushString(m: PickleMachine, bytes: Uint8Array): void {
  m.push(decodeUtf8(Buffer.from(bytes)) ?? bytes.slice());
}

/** A little-endian two's complement int of any length; no bytes are 0. */
function twosComplement(bytes: Uint8Array): number | bigint {
  const { length } = bytes;
  if (length <= 6) {
    let value = 0;
    for (let i = length - 1; i >= 0; i -= 1) value = value * 256 + (bytes[i] ?? 0);
    return (bytes[length - 1] ?? 0) >= 0x80 ? value - 256 ** length : value;
  }
  const digits = Buffer.from(bytes).reverse().toString("hex");
  return narrow(BigInt.asIntN(length * 8, BigInt(`0x${digits}`)));
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function decimal(m: PickleMachine, line: string): number | bigint {
  const text = line.trim();
  if (!/^[+-]?\d+$/.test(text)) throw m.malformed("is not a whole number");
  if (text.length > MAX_INT_DIGITS) throw m.malformed(`is an int of more than ${MAX_INT_DIGITS} digits`);
  return narrow(BigInt(text.replace(/^\+/, "")));
}

function floatOf(m: PickleMachine, line: string): number {
  const text = line.trim().toLowerCase();
  if (/^[+-]?(inf|infinity)$/.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^[+-]?nan$/.test(text)) return Number.NaN;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) throw m.malformed("is not a number");
  return Number(text);
}

/** `\uXXXX` and `\UXXXXXXXX`; every other byte is the character of that number. */
function rawUnicodeEscape(m: PickleMachine, text: string): string {
  return text.replace(
    /\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g,
    (_, short: string | undefined, long: string | undefined) => {
      const point = Number.parseInt(short ?? long ?? "", 16);
      if (point > 0x10ffff) throw m.malformed("has a character beyond Unicode");
      return String.fromCodePoint(point);
    },
  );
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  n: "\n",
  r: "\r",
  t: "\t",
  a: "\u0007",
  b: "\b",
  f: "\f",
  v: "\v",
  "\n": "",
};

/** The bytes between quotes, with Python's escapes. */
function unquote(m: PickleMachine, line: string): Uint8Array {
  const text = line.trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote)) {
    throw m.malformed("is a string without quotes around it");
  }
  const plain = text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[^])/g, (whole, escape: string) => {
    if (escape.startsWith("x") && escape.length === 3) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    if (/^[0-7]+$/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 0xff);
    return ESCAPES[escape] ?? whole;
  });
  return new Uint8Array(Buffer.from(plain, "latin1"));
}
