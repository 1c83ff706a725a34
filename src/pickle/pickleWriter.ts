import { OPCODES } from "./opcodes.js";
import type { OpcodeName } from "./opcodes.js";
import { encodeUtf8 } from "./utf8.js";

const FIRST_CAPACITY = 1 << 12;

/** Opcodes and their arguments, in bytes that grow as needed. */
export class PickleWriter {
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Everything written so far, without a copy. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  op(name: OpcodeName): void {
    this.u8(OPCODES[name].byte);
  }
  u8(value: number): void {
    const at = this.#grow(1);
    this.#bytes[at] = value;
  }
  u16(value: number): void {
    const at = this.#grow(2); // growing may replace the view
    this.#view.setUint16(at, value, true);
  }
  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }
  i32(value: number): void {
    const at = this.#grow(4);
    this.#view.setInt32(at, value, true);
  }
  /** The one number of pickle that is big-endian. */
  f64(value: number): void {
    const at = this.#grow(8);
    this.#view.setFloat64(at, value, false);
  }
  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.byteLength);
    this.#bytes.set(bytes, at);
  }
  /** A str with its length in front. */
  text(value: string): void {
    const bytes = encodeUtf8(value);
    this.op("BINUNICODE");
    this.u32(bytes.byteLength);
    this.raw(bytes);
  }
  line(text: string): void {
    this.raw(encodeUtf8(text));
    this.u8(0x0a);
  }

  /** An int in the shortest of the forms that torch.save uses. */
  int(value: number | bigint): void {
    if (typeof value === "bigint" || value < -0x8000_0000 || value > 0x7fff_ffff) {
      this.#long(BigInt(value));
    } else if (value >= 0 && value <= 0xff) {
      this.op("BININT1");
      this.u8(value);
    } else if (value >= 0 && value <= 0xffff) {
      this.op("BININT2");
      this.u16(value);
    } else {
      this.op("BININT");
      this.i32(value);
    }
  }

  #long(value: bigint): void {
    if (value >= -0x8000_0000n && value <= 0x7fff_ffffn) {
      this.int(Number(value));
      return;
    }
    const bytes = twosComplement(value);
    if (bytes.byteLength <= 0xff) {
      this.op("LONG1");
      this.u8(bytes.byteLength);
    } else {
      this.op("LONG4");
      this.i32(bytes.byteLength);
    }
    this.raw(bytes);
  }

  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.byteLength) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.byteLength * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** Little-endian two's complement in as few bytes as hold the sign too. */
function twosComplement(value: bigint): Uint8Array {
  const magnitude = value < 0n ? -value - 1n : value;
  const bits = magnitude.toString(16).length * 4;
  let length = Math.floor(bits / 8) + 1;
  while (length > 1 && BigInt.asIntN(8 * (length - 1), value) === value) length -= 1;
  const digits = BigInt.asUintN(8 * length, value)
    .toString(16)
    .padStart(2 * length, "0");
  return Buffer.from(digits, "hex").reverse();
}
