import { LtrainError } from "../errors.js";
import { ATOMS } from "./atoms.js";
import { CONTAINERS } from "./containers.js";
import { depthOf, MAX_DEPTH } from "./depth.js";
import type { Instruction, Rebuild, Shortcut } from "./machine.js";
import { PickleMachine } from "./machine.js";
import { OBJECTS } from "./objects.js";
import type { OpcodeName } from "./opcodes.js";
import { OPCODES } from "./opcodes.js";
import type { PyGlobal, PyValue } from "./values.js";

export type { PickleMachine, Rebuild, Shortcut } from "./machine.js";
export { PickleCutShort } from "./machine.js";

/** What a pickle is read with; without these a persistent id is an error and every foreign call stays symbolic. */
export interface UnpickleOptions {
  /** What a persistent id stands for; torch: the tuple that names a storage. */
  readonly persistentLoad?: (id: PyValue) => PyValue;
  /** How calls of a class or function are rebuilt, undefined to keep them as PyObjects; asked once per name. */
  readonly findClass?: (global: PyGlobal) => Rebuild | undefined;
  /** Reads calls that come a hundred thousand times in one go. */
  readonly shortcut?: Shortcut;
  /** Where the pickle begins; other things may lie before and after it. */
  readonly start?: number;
  /** What the bytes are called in errors: "archive/data.pkl". */
  readonly name?: string;
}

/** One pickle, and what was seen on the way. */
export interface Unpickled {
  readonly value: PyValue;
  readonly protocol: number;
  /** One past STOP. */
  readonly end: number;
  /** The opcodes it is made of, once each. */
  readonly opcodes: readonly string[];
  /** Those that have called what is no class or function by name, but a value that was made on the way. */
  readonly unnamedCalls: readonly string[];
  /** Every class and function that is named, once each, in order of appearance. */
  readonly globals: readonly PyGlobal[];
}

const INSTRUCTIONS: readonly (Instruction | undefined)[] = table({ ...ATOMS, ...CONTAINERS, ...OBJECTS });

function table(byName: Partial<Record<OpcodeName, Instruction>>): (Instruction | undefined)[] {
  const byByte = new Array<Instruction | undefined>(256).fill(undefined);
  for (const [name, { byte }] of Object.entries(OPCODES)) byByte[byte] = byName[name as OpcodeName];
  return byByte;
}

/** Read one pickle and say where it ends; nothing in it is ever run. */
export function readPickle(bytes: Uint8Array, options: UnpickleOptions = {}): Unpickled {
  const name = options.name ?? "pickle";
  const machine = new PickleMachine(bytes, {
    start: options.start ?? 0,
    name,
    persistentLoad: options.persistentLoad,
    findClass: options.findClass,
    shortcut: options.shortcut,
  });
  let value: PyValue;
  try {
    value = machine.run(INSTRUCTIONS);
  } catch (error) {
    throw placed(error, machine);
  }
  if (depthOf(value) > MAX_DEPTH) {
    throw new LtrainError("checkpoint.malformed", `${name}: containers lie more than ${MAX_DEPTH} deep in each other`);
  }
  const opcodes = Object.entries(OPCODES).flatMap(([opcode, { byte }]) => (machine.seen[byte] === 1 ? [opcode] : []));
  const { protocol, at: end, unnamedCalls, globals } = machine;
  return { value, protocol, end, opcodes, unnamedCalls: [...unnamedCalls], globals: [...globals.values()] };
}

/** What a rebuilder or persistentLoad complains of happened at an opcode: say at which. */
function placed(error: unknown, machine: PickleMachine): unknown {
  if (!(error instanceof LtrainError) || error.message.startsWith(machine.place)) return error;
  return new LtrainError(error.code, `${machine.place}: ${error.message}`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  });
}

/** The value of a pickle, protocols 0 to 5; nothing in it is ever run. */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions = {}): PyValue {
  return readPickle(bytes, options).value;
}
