import type { LtrainError } from "../errors.js";
import { rebuildBuiltin } from "./builtins.js";
import type { Instruction, PickleMachine, Rebuild } from "./machine.js";
import type { OpcodeName } from "./opcodes.js";
import { HIGHEST_PROTOCOL } from "./opcodes.js";
import { PyDict, PyGlobal, PyObject, PyTuple } from "./values.js";
import type { PyValue } from "./values.js";

/** Names, calls, states, the memo and the frame around it all. */
export const OBJECTS: Partial<Record<OpcodeName, Instruction>> = {
  PROTO: (m) => {
    m.protocol = m.u8();
    if (m.protocol > HIGHEST_PROTOCOL) {
      throw m.malformed(`says protocol ${m.protocol}; the newest is ${HIGHEST_PROTOCOL}`, "checkpoint.unsupported");
    }
  },
  FRAME: (m) => {
    const length = m.u64();
    const rest = m.bytes.byteLength - m.at;
    if (length > rest)
      throw m.cutShort(
        `promises ${Number.isFinite(length) ? length : "more than 2^53"} bytes, and the pickle has ${rest} more`,
        m.at + length,
      );
  },
  GLOBAL: (m) => {
    const module = m.lineText();
    m.push(m.global(module, m.lineText()));
  },
  STACK_GLOBAL: (m) => {
    const name = m.pop();
    const module = m.pop();
    if (typeof name !== "string" || typeof module !== "string")
      throw m.malformed("names a class with something that is not text");
    m.push(m.global(module, name));
  },
  REDUCE: (m) => {
    const args = argsOf(m);
    const callable = m.pop();
    const rebuilt = callable instanceof PyGlobal ? rebuilder(m, callable)?.(args.items) : undefined;
    if (!(callable instanceof PyGlobal)) m.unnamedCalls.add("REDUCE");
    m.push(rebuilt ?? new PyObject(callable, args));
  },
  NEWOBJ: (m) => {
    const args = argsOf(m);
    m.push(newObject(m, m.pop(), args));
  },
  NEWOBJ_EX: (m) => {
    const kwargs = m.pop();
    const args = argsOf(m);
    if (!(kwargs instanceof PyDict)) throw m.malformed("has keyword arguments that are not a dict");
    m.push(kwargs.size === 0 ? newObject(m, m.pop(), args) : new PyObject(m.pop(), args, { how: "newobj", kwargs }));
  },
  OBJ: (m) => {
    const [callable, ...args] = m.popToMark();
    if (callable === undefined) throw m.malformed("names no class");
    m.push(new PyObject(callable, new PyTuple(args)));
  },
  INST: (m) => {
    const module = m.lineText();
    const callable = m.global(module, m.lineText());
    m.push(new PyObject(callable, new PyTuple(m.popToMark())));
  },
  BUILD: (m) => {
    const state = m.pop();
    build(m, m.top(), state);
  },
  PERSID: (m) => {
    m.push(persistent(m, m.lineText()));
  },
  BINPERSID: (m) => {
    m.push(persistent(m, m.pop()));
  },
  PUT: (m) => {
    m.remember(memoIndex(m));
  },
  BINPUT: (m) => {
    m.remember(m.u8());
  },
  LONG_BINPUT: (m) => {
    m.remember(m.u32());
  },
  MEMOIZE: (m) => {
    m.remember();
  },
  GET: (m) => {
    m.recall(memoIndex(m));
  },
  BINGET: (m) => {
    m.recall(m.u8());
  },
  LONG_BINGET: (m) => {
    m.recall(m.u32());
  },
  EXT1: (m) => {
    throw extension(m, m.u8());
  },
  EXT2: (m) => {
    throw extension(m, m.u16());
  },
  EXT4: (m) => {
    throw extension(m, m.u32());
  },
  NEXT_BUFFER: refuseBuffer,
  READONLY_BUFFER: refuseBuffer,
};

function argsOf(m: PickleMachine): PyTuple {
  const args = m.pop();
  if (!(args instanceof PyTuple)) throw m.malformed("has arguments that are not a tuple");
  return args;
}

/** How calls of `global` are rebuilt; asked once per name, for a file calls the same few a hundred thousand times. */
function rebuilder(m: PickleMachine, global: PyGlobal): Rebuild | null {
  const known = m.rebuilders.get(global);
  if (known !== undefined) return known;
  const rebuild = rebuildBuiltin(m, global) ?? m.options.findClass?.(global) ?? null;
  m.rebuilders.set(global, rebuild);
  return rebuild;
}

/** `cls.__new__(cls, *args)`: the containers we know are the same as when they are called. */
function newObject(m: PickleMachine, callable: PyValue, args: PyTuple): PyValue {
  const rebuilt = callable instanceof PyGlobal ? rebuildBuiltin(m, callable)?.(args.items) : undefined;
  if (!(callable instanceof PyGlobal)) m.unnamedCalls.add("NEWOBJ");
  return rebuilt ?? new PyObject(callable, args, { how: "newobj" });
}

/** Attributes of an object. An OrderedDict may have some (torch's `_metadata`); a plain dict, a list or a tensor has none. */
function build(m: PickleMachine, target: PyValue, state: PyValue): void {
  if (target instanceof PyObject) {
    target.state = state;
    return;
  }
  if (!(target instanceof PyDict) || target.kind === "dict")
    throw m.malformed("sets attributes of something that has none");
  const attributes = state instanceof PyTuple ? state.items[0] : state;
  if (attributes === null) return; // an object without attributes that has slots
  if (!(attributes instanceof PyDict)) throw m.malformed("sets attributes from something that is not a dict");
  target.attributes ??= new PyDict();
  for (const [key, value] of attributes) target.attributes.set(key, value);
}

function persistent(m: PickleMachine, id: PyValue): PyValue {
  if (m.options.persistentLoad === undefined)
    throw m.malformed("refers to something outside, and there is nothing outside");
  return m.options.persistentLoad(id);
}

function memoIndex(m: PickleMachine): number {
  const line = m.lineText();
  const index = /^\d{1,10}$/.test(line) ? Number(line) : Number.NaN;
  if (!(index <= 0xffffffff)) throw m.malformed("has a memo index that is not a 32-bit number");
  return index;
}

function extension(m: PickleMachine, code: number): LtrainError {
  const what = `names a class as copyreg extension ${code}, a number that only the writing program knew`;
  return m.malformed(what, "checkpoint.unsupported");
}

function refuseBuffer(m: PickleMachine): void {
  throw m.malformed("refers to a buffer outside the file", "checkpoint.unsupported");
}
