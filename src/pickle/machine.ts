import { LtrainError } from "../errors.js";
import { keyPath } from "./keyPath.js";
import { Memo } from "./memo.js";
import { opcodeName, OPCODES } from "./opcodes.js";
import { decodeUtf8 } from "./utf8.js";
import { MAX_KEY_PARTS, PyGlobal, PyTuple } from "./values.js";
import type { PyValue } from "./values.js";

/** Rebuilds what a call stands for, from its arguments; undefined keeps the call as a PyObject. It runs nothing of the file. */
export type Rebuild = (args: readonly PyValue[]) => PyValue | undefined;

/** What the machine asks those who know more than pickle. */
export interface MachineOptions {
  readonly start: number;
  readonly name: string;
  readonly persistentLoad: ((id: PyValue) => PyValue) | undefined;
  readonly findClass: ((global: PyGlobal) => Rebuild | undefined) | undefined;
  readonly shortcut: Shortcut | undefined;
}

/**
 * Reads, from behind the MARK of a call's arguments to behind its REDUCE, what would take twenty opcodes one by one.
 * False, with nothing changed, when it is not what is known, or not right: then each opcode is run.
 */
export type Shortcut = (machine: PickleMachine, callable: PyGlobal) => boolean;

/** What one opcode does to the machine. */
export type Instruction = (machine: PickleMachine) => void;

/** Module and attribute names, and numbers as text, end within this many bytes. */
const MAX_LINE_BYTES = 1 << 20;
/** A call may copy its argument, so a short file could copy a long list for ever; what it copies is counted against its own length. */
const COPIES_PER_BYTE = 4;
const FREE_COPIES = 10_000;

const DAMAGED = "the file may be damaged or cut short; compare it with the original";

/** The bytes end before the pickle does: it is cut short, or only its beginning was given. */
export class PickleCutShort extends LtrainError {
  /** So many bytes from its beginning there must be at least. */
  readonly needed: number;
  constructor(message: string, needed: number) {
    super("checkpoint.malformed", message, { hint: DAMAGED });
    this.needed = needed;
  }
}

/** Python 2 names of what Python 3 has elsewhere; protocol 2 writes them. */
const MODULES_3: ReadonlyMap<string, string> = new Map([
  ["__builtin__", "builtins"],
  ["copy_reg", "copyreg"],
  ["exceptions", "builtins"],
]);
const NAMES_3: ReadonlyMap<string, string> = new Map([
  ["xrange", "range"],
  ["unicode", "str"],
  ["long", "int"],
]);

/** Functions that run or open things are told by the name that the file has: no value is made with them. */
const TOLD_AS_SPELLED = /^(?:eval|exec|execfile|compile|__import__|open|file|input|raw_input|apply|reload|breakpoint)$/;

/** The stack machine that a pickle is a program for. It has bytes, a stack, marks and a memo, and no way to run anything. */
export class PickleMachine {
  readonly bytes: Uint8Array;
  readonly stack: PyValue[] = [];
  readonly globals = new Map<string, PyGlobal>();
  readonly rebuilders = new Map<PyGlobal, Rebuild | null>();
  readonly options: MachineOptions;
  readonly memo: Memo;
  /** Which opcodes there have been, a byte for each. */
  readonly seen = new Uint8Array(256);
  /** Opcodes that have called what is no class or function by name. */
  readonly unnamedCalls = new Set<string>();
  protocol = 0;
  /** The next byte to read. */
  at: number;
  /** Where the current opcode is: the place of an error. */
  opcodeAt: number;
  readonly #view: DataView;
  readonly #buffer: Buffer;
  readonly #marks: number[] = [];
  /** Below this height the stack belongs to an enclosing mark. */
  #floor = 0;
  #copies = 0;

  constructor(bytes: Uint8Array, options: MachineOptions) {
    this.bytes = bytes;
    this.options = options;
    this.at = options.start;
    this.opcodeAt = options.start;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.memo = new Memo(bytes, options.start);
  }

  /** Run to STOP; what is on top of the stack then is the value. */
  run(instructions: readonly (Instruction | undefined)[]): PyValue {
    const { bytes, seen } = this;
    for (;;) {
      this.opcodeAt = this.at;
      const byte = bytes[this.at];
      if (byte === undefined) {
        throw this.cutShort("ends here without STOP");
      }
      this.at += 1;
      seen[byte] = 1;
      if (byte === OPCODES.STOP.byte) return this.pop();
      const instruction = instructions[byte];
      if (instruction === undefined) throw this.malformed("is not an opcode of pickle");
      instruction(this);
    }
  }

  push(value: PyValue): void {
    this.stack.push(value);
  }
  pop(): PyValue {
    if (this.stack.length <= this.#floor) throw this.malformed("needs a value, and the stack is empty");
    return this.stack.pop() ?? null;
  }
  /** The value on top of the stack, left there. */
  top(): PyValue {
    if (this.stack.length <= this.#floor) throw this.malformed("needs a value, and the stack is empty");
    return this.stack[this.stack.length - 1] ?? null;
  }
  mark(): void {
    this.#floor = this.stack.length;
    this.#marks.push(this.#floor);
  }
  /** Forget the last mark and say how high the stack was there. */
  unmark(): number {
    const height = this.#marks.pop();
    if (height === undefined) throw this.malformed("needs a mark, and there is none");
    this.#floor = this.#marks[this.#marks.length - 1] ?? 0;
    return height;
  }
  /** Everything above the last mark, taken off with it. */
  popToMark(): PyValue[] {
    const height = this.unmark();
    const items = this.stack.slice(height);
    this.stack.length = height;
    return items;
  }
  /** Whether the next pop would meet a mark: POP then takes the mark. */
  get atMark(): boolean {
    return this.#marks.length > 0 && this.stack.length === this.#floor;
  }

  /** Remember the top of the stack under `index`; `undefined` takes the next free one, as MEMOIZE does. */
  remember(index: number = this.memo.size): void {
    this.memo.set(index, this.top());
  }
  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw this.malformed(`asks for memo ${index}, which was never set`);
    this.stack.push(value);
  }

  u8(): number {
    const at = this.#skip(1);
    return this.bytes[at] ?? 0;
  }
  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }
  /** A length; beyond 2^53 it is infinite, and no file is that long. */
  u64(): number {
    const at = this.#skip(8);
    const value = this.#view.getUint32(at + 4, true) * 0x1_0000_0000 + this.#view.getUint32(at, true);
    return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
  }
  /** The one number of pickle that is big-endian. */
  f64(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }
  take(length: number): Uint8Array {
    const at = this.#skip(length);
    return this.bytes.subarray(at, at + length);
  }
  /** UTF-8 text of `length` bytes. */
  text(length: number): string {
    const at = this.#skip(length);
    const text = decodeUtf8(this.#buffer, at, at + length);
    if (text === undefined) throw this.malformed("has text that is not UTF-8");
    return text;
  }
  /** Bytes as characters of their numbers. */
  latin1(start: number, end: number): string {
    return this.#buffer.toString("latin1", start, end);
  }
  /** The bytes up to the next newline, which is skipped. */
  line(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.cutShort("has no newline at its end");
    if (end - this.at > MAX_LINE_BYTES) throw this.malformed(`is longer than ${MAX_LINE_BYTES} bytes`);
    const start = this.at;
    this.at = end + 1;
    return this.bytes.subarray(start, end);
  }
  lineText(): string {
    const line = this.line();
    const text = decodeUtf8(Buffer.from(line));
    if (text === undefined) throw this.malformed("has text that is not UTF-8");
    return text;
  }

  #skip(length: number): number {
    const start = this.at;
    if (length < 0) throw this.malformed(`needs ${length} bytes`);
    if (length > this.bytes.byteLength - start) {
      const needed = Number.isFinite(length) ? length : "more than 2^53";
      throw this.cutShort(
        `needs ${needed} bytes, and the pickle has ${this.bytes.byteLength - start} more`,
        start + length,
      );
    }
    this.at = start + length;
    return start;
  }

  /** The one PyGlobal of this pickle for a class or function, under its Python 3 name. */
  global(module: string, name: string): PyGlobal {
    const isKept = module === "__builtin__" && TOLD_AS_SPELLED.test(name);
    const module3 = isKept ? module : (MODULES_3.get(module) ?? module);
    const name3 = module === "__builtin__" ? (NAMES_3.get(name) ?? name) : name;
    const key = `${module3}\n${name3}`;
    const known = this.globals.get(key);
    if (known !== undefined) return known;
    const global = new PyGlobal(module3, name3);
    this.globals.set(key, global);
    return global;
  }

  /** Count `items` that a call copies out of its argument. */
  spend(items: number): void {
    this.#copies += items;
    const most = this.bytes.byteLength * COPIES_PER_BYTE + FREE_COPIES;
    if (this.#copies > most) throw this.malformed(`copies more than ${most} items, far more than the file holds`);
  }

  /** Count what it takes to spell out a dict's key: a short file can use a long one again and again. */
  spendKey(key: PyValue): void {
    if (key instanceof PyTuple) this.spend(partsOf(key));
    else if (key instanceof Uint8Array) this.spend(key.byteLength >> 4);
    else if (key instanceof PyGlobal) this.spend((key.module.length + key.name.length) >> 4);
  }

  /** Where in the pickle an error is, at which opcode, and in which value of the tree. */
  get place(): string {
    const byte = this.bytes[this.opcodeAt];
    const opcode = byte === undefined ? "" : ` (${opcodeName(byte)})`;
    const path = keyPath(this.stack, this.#marks);
    return `${this.options.name}, byte ${this.opcodeAt}${opcode}${path === "" ? "" : `, in ${path}`}`;
  }

  /** An error of the current opcode. */
  malformed(
    what: string,
    code: "checkpoint.malformed" | "checkpoint.unsupported" = "checkpoint.malformed",
  ): LtrainError {
    return new LtrainError(code, `${this.place}: it ${what}`, { hint: DAMAGED });
  }

  /** The error of an opcode that the bytes end in, or before. */
  cutShort(what: string, end = this.bytes.byteLength + 1): PickleCutShort {
    return new PickleCutShort(`${this.place}: it ${what}`, end - this.options.start);
  }
}

/** How many items a tuple has, those of the tuples in it included, counted as far as a key may have. */
function partsOf(tuple: PyTuple): number {
  const waiting: PyTuple[] = [tuple];
  let parts = 0;
  for (let next = waiting.pop(); next !== undefined && parts <= MAX_KEY_PARTS; next = waiting.pop()) {
    parts += next.items.length + 1;
    if (parts <= MAX_KEY_PARTS) for (const item of next.items) if (item instanceof PyTuple) waiting.push(item);
  }
  return parts;
}
