/** Value types of WebAssembly. */
export const WASM_TYPES = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const;
/** A value type by name. */
export type WasmType = keyof typeof WASM_TYPES;

/** Instructions that are used here, by their bytes (WebAssembly core specification, 5.4). */
export const WASM = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  br: [0x0c],
  brIf: [0x0d],
  end: [0x0b],
  localGet: [0x20],
  localSet: [0x21],
  i32Const: [0x41],
  i32GeU: [0x4f],
  i32Add: [0x6a],
  f32Const: [0x43],
  v128Load: [0xfd, 0x00],
  v128Store: [0xfd, 0x0b],
  f32x4Splat: [0xfd, 0x13],
  f32x4Eq: [0xfd, 0x41],
  f32x4Ne: [0xfd, 0x42],
  f32x4Lt: [0xfd, 0x43],
  f32x4Gt: [0xfd, 0x44],
  f32x4Le: [0xfd, 0x45],
  f32x4Ge: [0xfd, 0x46],
  v128Not: [0xfd, 0x4d],
  v128And: [0xfd, 0x4e],
  v128Or: [0xfd, 0x50],
  v128Xor: [0xfd, 0x51],
  v128Bitselect: [0xfd, 0x52],
  f32x4Ceil: [0xfd, 0x67],
  f32x4Floor: [0xfd, 0x68],
  f32x4Abs: [0xfd, 0xe0, 0x01],
  f32x4Neg: [0xfd, 0xe1, 0x01],
  f32x4Sqrt: [0xfd, 0xe3, 0x01],
  f32x4Add: [0xfd, 0xe4, 0x01],
  f32x4Sub: [0xfd, 0xe5, 0x01],
  f32x4Mul: [0xfd, 0xe6, 0x01],
  f32x4Div: [0xfd, 0xe7, 0x01],
  f32x4Min: [0xfd, 0xe8, 0x01],
  f32x4Max: [0xfd, 0xe9, 0x01],
} as const satisfies Record<string, readonly number[]>;

/** An unsigned number in LEB128. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

/** A float32 in the bytes of `f32.const`. */
export function f32Bytes(value: number): number[] {
  return [...new Uint8Array(Float32Array.of(value).buffer)];
}

/** A function: its parameters, the locals after them, and its instructions without the last `end`. */
export interface WasmFunction {
  readonly parameters: readonly WasmType[];
  readonly locals: readonly WasmType[];
  readonly body: readonly number[];
}

/** A module of one function, exported as `run`, over a memory that is imported as `env.memory`. */
export function wasmModule(f: WasmFunction): Uint8Array<ArrayBuffer> {
  const types = f.parameters.map((type) => WASM_TYPES[type]);
  const locals = f.locals.flatMap((type) => [1, WASM_TYPES[type]]);
  const code = [...leb(f.locals.length), ...locals, ...f.body, ...WASM.end];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [0x01, 0x60, ...leb(types.length), ...types, 0x00]),
    ...section(2, [0x01, ...text("env"), ...text("memory"), 0x02, 0x00, 0x00]),
    ...section(3, [0x01, 0x00]),
    ...section(7, [0x01, ...text("run"), 0x00, 0x00]),
    ...section(10, [0x01, ...leb(code.length), ...code]),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

function text(name: string): number[] {
  return [...leb(name.length), ...new TextEncoder().encode(name)];
}
