/** Every opcode of pickle: its byte, and the protocol that brought it (lightning-checkpoint-format.md, 2.1). */
export const OPCODES = {
  MARK: { byte: 0x28, protocol: 0 },
  STOP: { byte: 0x2e, protocol: 0 },
  POP: { byte: 0x30, protocol: 0 },
  POP_MARK: { byte: 0x31, protocol: 1 },
  DUP: { byte: 0x32, protocol: 0 },
  FLOAT: { byte: 0x46, protocol: 0 },
  INT: { byte: 0x49, protocol: 0 },
  BININT: { byte: 0x4a, protocol: 1 },
  BININT1: { byte: 0x4b, protocol: 1 },
  LONG: { byte: 0x4c, protocol: 0 },
  BININT2: { byte: 0x4d, protocol: 1 },
  NONE: { byte: 0x4e, protocol: 0 },
  PERSID: { byte: 0x50, protocol: 0 },
  BINPERSID: { byte: 0x51, protocol: 1 },
  REDUCE: { byte: 0x52, protocol: 0 },
  STRING: { byte: 0x53, protocol: 0 },
  BINSTRING: { byte: 0x54, protocol: 1 },
  SHORT_BINSTRING: { byte: 0x55, protocol: 1 },
  UNICODE: { byte: 0x56, protocol: 0 },
  BINUNICODE: { byte: 0x58, protocol: 1 },
  APPEND: { byte: 0x61, protocol: 0 },
  BUILD: { byte: 0x62, protocol: 0 },
  GLOBAL: { byte: 0x63, protocol: 0 },
  DICT: { byte: 0x64, protocol: 0 },
  EMPTY_DICT: { byte: 0x7d, protocol: 1 },
  APPENDS: { byte: 0x65, protocol: 1 },
  GET: { byte: 0x67, protocol: 0 },
  BINGET: { byte: 0x68, protocol: 1 },
  INST: { byte: 0x69, protocol: 0 },
  LONG_BINGET: { byte: 0x6a, protocol: 1 },
  LIST: { byte: 0x6c, protocol: 0 },
  EMPTY_LIST: { byte: 0x5d, protocol: 1 },
  OBJ: { byte: 0x6f, protocol: 1 },
  PUT: { byte: 0x70, protocol: 0 },
  BINPUT: { byte: 0x71, protocol: 1 },
  LONG_BINPUT: { byte: 0x72, protocol: 1 },
  SETITEM: { byte: 0x73, protocol: 0 },
  TUPLE: { byte: 0x74, protocol: 0 },
  EMPTY_TUPLE: { byte: 0x29, protocol: 1 },
  SETITEMS: { byte: 0x75, protocol: 1 },
  BINFLOAT: { byte: 0x47, protocol: 1 },
  PROTO: { byte: 0x80, protocol: 2 },
  NEWOBJ: { byte: 0x81, protocol: 2 },
  EXT1: { byte: 0x82, protocol: 2 },
  EXT2: { byte: 0x83, protocol: 2 },
  EXT4: { byte: 0x84, protocol: 2 },
  TUPLE1: { byte: 0x85, protocol: 2 },
  TUPLE2: { byte: 0x86, protocol: 2 },
  TUPLE3: { byte: 0x87, protocol: 2 },
  NEWTRUE: { byte: 0x88, protocol: 2 },
  NEWFALSE: { byte: 0x89, protocol: 2 },
  LONG1: { byte: 0x8a, protocol: 2 },
  LONG4: { byte: 0x8b, protocol: 2 },
  BINBYTES: { byte: 0x42, protocol: 3 },
  SHORT_BINBYTES: { byte: 0x43, protocol: 3 },
  SHORT_BINUNICODE: { byte: 0x8c, protocol: 4 },
  BINUNICODE8: { byte: 0x8d, protocol: 4 },
  BINBYTES8: { byte: 0x8e, protocol: 4 },
  EMPTY_SET: { byte: 0x8f, protocol: 4 },
  ADDITEMS: { byte: 0x90, protocol: 4 },
  FROZENSET: { byte: 0x91, protocol: 4 },
  NEWOBJ_EX: { byte: 0x92, protocol: 4 },
  STACK_GLOBAL: { byte: 0x93, protocol: 4 },
  MEMOIZE: { byte: 0x94, protocol: 4 },
  FRAME: { byte: 0x95, protocol: 4 },
  BYTEARRAY8: { byte: 0x96, protocol: 5 },
  NEXT_BUFFER: { byte: 0x97, protocol: 5 },
  READONLY_BUFFER: { byte: 0x98, protocol: 5 },
} as const satisfies Record<string, { readonly byte: number; readonly protocol: number }>;

/** The name of an opcode, as Python's pickletools prints it. */
export type OpcodeName = keyof typeof OPCODES;

/** The newest protocol there is. */
export const HIGHEST_PROTOCOL = 5;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(OPCODES).map(([name, { byte }]) => [byte, name]));

/** What an opcode's byte is called, its number when it is none. */
export function opcodeName(byte: number): string {
  return NAMES.get(byte) ?? `opcode 0x${byte.toString(16).padStart(2, "0")}`;
}
