/** What is known of one dtype: bytes per element, torch's storage class, safetensors' name, how torch rebuilds it. */
export interface DTypeInfo {
  readonly itemSize: number;
  /** `torch.<name>`; dtypes without a storage class of their own lie in an UntypedStorage. */
  readonly storage: string;
  readonly safetensors: string | null;
  readonly rebuild: "v2" | "v3" | "qtensor";
}

/** Every dtype that torch 2.13 can save, in torch's words (lightning-checkpoint-format.md, 2.4). */
export const DTYPES = {
  float32: { itemSize: 4, storage: "FloatStorage", safetensors: "F32", rebuild: "v2" },
  float64: { itemSize: 8, storage: "DoubleStorage", safetensors: "F64", rebuild: "v2" },
  float16: { itemSize: 2, storage: "HalfStorage", safetensors: "F16", rebuild: "v2" },
  bfloat16: { itemSize: 2, storage: "BFloat16Storage", safetensors: "BF16", rebuild: "v2" },
  int64: { itemSize: 8, storage: "LongStorage", safetensors: "I64", rebuild: "v2" },
  int32: { itemSize: 4, storage: "IntStorage", safetensors: "I32", rebuild: "v2" },
  int16: { itemSize: 2, storage: "ShortStorage", safetensors: "I16", rebuild: "v2" },
  int8: { itemSize: 1, storage: "CharStorage", safetensors: "I8", rebuild: "v2" },
  uint8: { itemSize: 1, storage: "ByteStorage", safetensors: "U8", rebuild: "v2" },
  bool: { itemSize: 1, storage: "BoolStorage", safetensors: "BOOL", rebuild: "v2" },
  complex64: { itemSize: 8, storage: "ComplexFloatStorage", safetensors: "C64", rebuild: "v2" },
  complex128: { itemSize: 16, storage: "ComplexDoubleStorage", safetensors: null, rebuild: "v2" },
  qint8: { itemSize: 1, storage: "QInt8Storage", safetensors: null, rebuild: "qtensor" },
  quint8: { itemSize: 1, storage: "QUInt8Storage", safetensors: null, rebuild: "qtensor" },
  qint32: { itemSize: 4, storage: "QInt32Storage", safetensors: null, rebuild: "qtensor" },
  quint4x2: { itemSize: 1, storage: "QUInt4x2Storage", safetensors: null, rebuild: "qtensor" },
  quint2x4: { itemSize: 1, storage: "QUInt2x4Storage", safetensors: null, rebuild: "qtensor" },
  uint16: { itemSize: 2, storage: "UntypedStorage", safetensors: "U16", rebuild: "v3" },
  uint32: { itemSize: 4, storage: "UntypedStorage", safetensors: "U32", rebuild: "v3" },
  uint64: { itemSize: 8, storage: "UntypedStorage", safetensors: "U64", rebuild: "v3" },
  float8_e4m3fn: { itemSize: 1, storage: "UntypedStorage", safetensors: "F8_E4M3", rebuild: "v3" },
  float8_e5m2: { itemSize: 1, storage: "UntypedStorage", safetensors: "F8_E5M2", rebuild: "v3" },
  float8_e4m3fnuz: { itemSize: 1, storage: "UntypedStorage", safetensors: "F8_E4M3FNUZ", rebuild: "v3" },
  float8_e5m2fnuz: { itemSize: 1, storage: "UntypedStorage", safetensors: "F8_E5M2FNUZ", rebuild: "v3" },
  float8_e8m0fnu: { itemSize: 1, storage: "UntypedStorage", safetensors: "F8_E8M0", rebuild: "v3" },
  float4_e2m1fn_x2: { itemSize: 1, storage: "UntypedStorage", safetensors: "F4", rebuild: "v3" },
  complex32: { itemSize: 4, storage: "UntypedStorage", safetensors: null, rebuild: "v3" },
  bits8: { itemSize: 1, storage: "UntypedStorage", safetensors: null, rebuild: "v3" },
  bits16: { itemSize: 2, storage: "UntypedStorage", safetensors: null, rebuild: "v3" },
  bits1x8: { itemSize: 1, storage: "UntypedStorage", safetensors: null, rebuild: "v3" },
  bits2x4: { itemSize: 1, storage: "UntypedStorage", safetensors: null, rebuild: "v3" },
  bits4x2: { itemSize: 1, storage: "UntypedStorage", safetensors: null, rebuild: "v3" },
} as const satisfies Record<string, DTypeInfo>;

/** The name of a dtype, as `str(tensor.dtype)` prints it without "torch.". */
export type DType = keyof typeof DTYPES;

/** Whether `name` is a dtype of the table; `constructor` and its like are not. */
export function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPES, name);
}

/** Bytes of one element of `dtype`. */
export function itemSize(dtype: DType): number {
  return ITEM_SIZES.get(dtype) ?? 0;
}

/** A Map finds a text it has hashed before; it is asked for every tensor of a list. */
const ITEM_SIZES: ReadonlyMap<string, number> = new Map(
  Object.entries(DTYPES).map(([dtype, { itemSize: bytes }]) => [dtype, bytes]),
);
