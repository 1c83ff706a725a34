import { PyGlobal, PyObject, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { isDType, itemSize } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";

/** A numpy dtype: how it is spelled, and what torch calls the same numbers. */
export interface NumpyType {
  /** As `dtype.str` prints it: "<f4", "|u1", "<U2". */
  readonly text: string;
  /** torch's dtype of the same numbers; undefined for text, dates, records and objects. */
  readonly dtype: DType | undefined;
  readonly itemSize: number;
  /** Most significant byte first. */
  readonly bigEndian: boolean;
}

/** Kind and size of the numbers that both worlds have. */
const DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["b1", "bool"],
  ["i1", "int8"],
  ["i2", "int16"],
  ["i4", "int32"],
  ["i8", "int64"],
  ["u1", "uint8"],
  ["u2", "uint16"],
  ["u4", "uint32"],
  ["u8", "uint64"],
  ["f2", "float16"],
  ["f4", "float32"],
  ["f8", "float64"],
  ["c8", "complex64"],
  ["c16", "complex128"],
]);

/** Bytes of one character of a str in numpy. */
const UNICODE_BYTES = 4;

/** A dtype as `.npy` headers spell it (`<f4`, `|S3`, `<M8[ns]`); undefined when it is no such spelling. */
export function parseNumpyType(text: string): NumpyType | undefined {
  const match = /^([<>|=])?([?a-zA-Z])(\d*)(\[[^\]]*\])?$/.exec(text);
  if (match === null) return undefined;
  const [, order = "|", letter = "", digits = "", unit = ""] = match;
  const kind = letter === "?" ? "b" : letter;
  const size = digits === "" ? (letter === "?" ? 1 : 0) : Number(digits);
  const bytes = kind === "U" ? size * UNICODE_BYTES : size;
  const plain = kind === "S" || kind === "V" || kind === "O" || bytes === 1;
  const bigEndian = order === ">" && !plain;
  const shown = plain ? "|" : bigEndian ? ">" : "<";
  const count = kind === "O" ? "" : String(size);
  return {
    text: `${shown}${kind}${count}${unit}`,
    dtype: DTYPES.get(`${kind}${size}`),
    itemSize: kind === "O" ? 8 : bytes,
    bigEndian,
  };
}

/** A pickled dtype: `numpy.dtype('f8', False, True)` and its state `(3, '<', ...)`; undefined for anything else. */
export function numpyTypeOf(value: PyValue | undefined): NumpyType | undefined {
  if (!(value instanceof PyObject) || !(value.args instanceof PyTuple)) return undefined;
  // numpy 2 pickles some dtypes by their own class: numpy.dtypes.StringDType.
  if (value.className !== "numpy.dtype") return undefined;
  const [name] = value.args.items;
  if (name instanceof PyGlobal) return foreignType(name);
  if (typeof name !== "string") return undefined;
  const state = value.state instanceof PyTuple ? value.state.items : [];
  const order = typeof state[1] === "string" ? state[1] : "|";
  return (
    parseNumpyType(`${order}${name}${timeUnit(state[8])}`) ?? {
      text: name,
      dtype: undefined,
      itemSize: 0,
      bigEndian: false,
    }
  );
}

/** The unit of dates and durations, `(metadata, (b"ns", 1, 1, 1))`, as the spelling has it: "[ns]", "[3D]". */
function timeUnit(state: PyValue | undefined): string {
  const unit = state instanceof PyTuple ? state.items[1] : undefined;
  const [name, count] = unit instanceof PyTuple ? unit.items : [];
  const text = name instanceof Uint8Array ? Buffer.from(name).toString("latin1") : name;
  if (typeof text !== "string" || !/^[A-Za-z]{1,2}$/.test(text) || typeof count !== "number") return "";
  return `[${count === 1 ? "" : count}${text}]`;
}

/** ml_dtypes, as JAX has them: `ml_dtypes.bfloat16`; the names are torch's. */
function foreignType({ module, name }: PyGlobal): NumpyType | undefined {
  if (module !== "ml_dtypes" || !isDType(name)) return undefined;
  return { text: name, dtype: name, itemSize: itemSize(name), bigEndian: false };
}
