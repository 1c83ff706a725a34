import { LtrainError } from "../errors.js";
import { OPCODES } from "../pickle/opcodes.js";
import type { PickleMachine, Shortcut } from "../pickle/unpickler.js";
import { PyGlobal } from "../pickle/values.js";
import type { PyStorage, PyValue } from "../pickle/values.js";
import { denseTensorAt } from "./denseTensor.js";

/** Opens the storage that a persistent id names by these parts; throws where they are not true. */
type OpenStorage = (storageClass: PyGlobal, key: string, location: string, numel: number) => PyStorage;

const {
  MARK,
  TUPLE,
  TUPLE1,
  TUPLE2,
  TUPLE3,
  EMPTY_TUPLE,
  BINPERSID,
  NEWTRUE,
  NEWFALSE,
  REDUCE,
  BINUNICODE,
  BINPUT,
  LONG_BINPUT,
  BINGET,
  LONG_BINGET,
  BININT,
  BININT1,
  BININT2,
} = OPCODES;

/** A key is a number in a few digits; ASCII, so that a byte is a character. */
const MAX_KEY_BYTES = 20;
/** More axes than this are read one by one. */
const MAX_AXES = 16;

/**
 * Reads `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, OrderedDict())` in one go, as
 * Python's pickler writes it (protocol 2) for every tensor but the first: names are memo numbers, nothing in it is asked
 * for again. Twenty-five opcodes and a dozen values become one tensor.
 */
export function tensorCallReader(openStorage: OpenStorage): Shortcut {
  let calls: TensorCalls | undefined;
  return (machine, callable) => {
    if (callable.name !== "_rebuild_tensor_v2" || callable.module !== "torch._utils") return false;
    if (calls?.machine !== machine) calls = new TensorCalls(machine, openStorage);
    return calls.read();
  };
}

/** The calls of one pickle: what is the same in the next as in the last is not made again. */
class TensorCalls {
  readonly machine: PickleMachine;
  readonly #bytes: Uint8Array;
  readonly #openStorage: OpenStorage;
  #at = 0;
  /** Memo numbers on the way, which must be told to the memo in the end. */
  readonly #puts: number[] = [];
  /** That of the storage's key, which the next tensor of the same storage asks for. */
  #keyPut: number | undefined;
  readonly #size = new Ints();
  readonly #stride = new Ints();

  constructor(machine: PickleMachine, openStorage: OpenStorage) {
    this.machine = machine;
    this.#bytes = machine.bytes;
    this.#openStorage = openStorage;
  }

  read(): boolean {
    this.#start();
    // ('storage', class, key, location, numel)
    if (!this.#is(MARK.byte) || this.#get() !== "storage") return false;
    const storageClass = this.#get();
    if (!(storageClass instanceof PyGlobal)) return false;
    const key = this.#key();
    if (key === undefined) return false;
    const location = this.#get();
    const numel = this.#int();
    if (typeof location !== "string" || numel < 0 || !this.#is(TUPLE.byte) || !this.#put()) return false;
    if (!this.#is(BINPERSID.byte)) return false;

    const offset = this.#int();
    if (offset < 0) return false;
    const size = this.#ints(this.#size);
    const stride = size === undefined ? undefined : this.#ints(this.#stride);
    if (size === undefined || stride === undefined) return false;
    const flag = this.#bytes[this.#at++];
    if (flag !== NEWTRUE.byte && flag !== NEWFALSE.byte) return false;

    const hooks = this.#get();
    if (!(hooks instanceof PyGlobal) || hooks.name !== "OrderedDict" || hooks.module !== "collections") return false;
    if (!this.#is(EMPTY_TUPLE.byte) || !this.#is(REDUCE.byte) || !this.#put()) return false;
    if (!this.#is(TUPLE.byte) || !this.#put() || !this.#is(REDUCE.byte)) return false;

    try {
      const storage = this.#openStorage(storageClass, key, location, numel);
      const tensor = denseTensorAt(storage, offset, size, stride, flag === NEWTRUE.byte);
      if (tensor === undefined) return false;
      const { memo, stack } = this.machine;
      for (const number of this.#puts) memo.pass(number);
      if (this.#keyPut !== undefined) memo.set(this.#keyPut, key);
      stack[stack.length - 1] = tensor;
      this.machine.at = this.#at;
      return true;
    } catch (error) {
      if (error instanceof LtrainError) return false; // run one by one it says where
      throw error;
    }
  }

  #start(): void {
    this.#at = this.machine.at;
    this.#puts.length = 0;
    this.#keyPut = undefined;
  }

  #is(byte: number): boolean {
    return this.#bytes[this.#at++] === byte;
  }

  #get(): PyValue | undefined {
    const opcode = this.#bytes[this.#at++];
    if (opcode === BINGET.byte) return this.machine.memo.get(this.#bytes[this.#at++] ?? 0);
    return opcode === LONG_BINGET.byte ? this.machine.memo.get(this.#u32()) : undefined;
  }

  /** A value that is remembered, and for nothing. */
  #put(): boolean {
    const number = this.#putNumber();
    if (number === undefined || this.machine.memo.isAsked(number)) return false;
    this.#puts.push(number);
    return true;
  }

  #putNumber(): number | undefined {
    const opcode = this.#bytes[this.#at++];
    if (opcode === BINPUT.byte) return this.#bytes[this.#at++];
    return opcode === LONG_BINPUT.byte ? this.#u32() : undefined;
  }

  /** A number that is not negative; -1 for anything else. */
  #int(): number {
    const opcode = this.#bytes[this.#at++];
    if (opcode === BININT1.byte) return this.#bytes[this.#at++] ?? -1;
    if (opcode === BININT2.byte) return (this.#bytes[this.#at++] ?? 0) | ((this.#bytes[this.#at++] ?? 0) << 8);
    return opcode === BININT.byte ? this.#u32() | 0 : -1;
  }

  #ints(last: Ints): readonly number[] | undefined {
    if (this.#bytes[this.#at] === EMPTY_TUPLE.byte) {
      this.#at += 1;
      return NO_INTS; // the empty tuple is never remembered
    }
    const known = last.at(this.#bytes, this.#at);
    if (known !== undefined) {
      this.#at += last.byteLength;
      return this.#put() ? known : undefined;
    }
    const start = this.#at;
    const isMarked = this.#bytes[start] === MARK.byte;
    if (isMarked) this.#at += 1;
    const items: number[] = [];
    for (; items.length < MAX_AXES;) {
      const opcode = this.#bytes[this.#at];
      if (opcode === TUPLE.byte || opcode === TUPLE1.byte || opcode === TUPLE2.byte || opcode === TUPLE3.byte) break;
      const item = this.#int();
      if (item < 0) return undefined;
      items.push(item);
    }
    const opcode = this.#bytes[this.#at++];
    const fits = isMarked ? opcode === TUPLE.byte : opcode === TUPLE1.byte + items.length - 1 && items.length <= 3;
    if (!fits) return undefined;
    last.keep(items, start, this.#at);
    return this.#put() ? items : undefined;
  }

  #key(): string | undefined {
    if (this.#bytes[this.#at] !== BINUNICODE.byte) {
      const known = this.#get();
      return typeof known === "string" ? known : undefined;
    }
    this.#at += 1;
    const length = this.#u32();
    if (length > MAX_KEY_BYTES) return undefined;
    const start = this.#at;
    this.#at = start + length;
    for (let at = start; at < this.#at; at += 1) if ((this.#bytes[at] ?? 0x80) >= 0x80) return undefined;
    const key = this.machine.latin1(start, this.#at);
    this.#keyPut = this.#putNumber();
    return this.#keyPut === undefined ? undefined : key;
  }

  #u32(): number {
    const bytes = this.#bytes;
    const at = this.#at;
    this.#at = at + 4;
    const high = (bytes[at + 3] ?? 0) * 2 ** 24;
    return ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)) + high;
  }
}

const NO_INTS: readonly number[] = [];

/** The last tuple of numbers that was read: the next one is often the same, to the byte. */
class Ints {
  #items: readonly number[] = NO_INTS;
  #start = 0;
  byteLength = 0;

  keep(items: readonly number[], start: number, end: number): void {
    this.#items = items;
    this.#start = start;
    this.byteLength = end - start;
  }

  /** The same numbers, if their bytes are at `at` too. */
  at(bytes: Uint8Array, at: number): readonly number[] | undefined {
    if (this.byteLength === 0 || at + this.byteLength > bytes.byteLength) return undefined;
    for (let i = 0; i < this.byteLength; i += 1) if (bytes[at + i] !== bytes[this.#start + i]) return undefined;
    return this.#items;
  }
}
