import { LtrainError } from "../errors.js";
import type { DType } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";

/** numpy's spelling of the dtypes that it has (numpy.lib.format, "descr"); the others it has not. */
export const NUMPY_DESCR: Partial<Record<DType, string>> = {
  bool: "|b1",
  uint8: "|u1",
  int8: "|i1",
  uint16: "<u2",
  int16: "<i2",
  uint32: "<u4",
  int32: "<i4",
  uint64: "<u8",
  int64: "<i8",
  float16: "<f2",
  float32: "<f4",
  float64: "<f8",
  complex64: "<c8",
  complex128: "<c16",
};

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** numpy aligns the numbers behind its header, so that a file can be mapped into memory. */
export const NPY_ALIGNMENT = 64;
/** Magic, version, and a header length of two bytes. */
const PREAMBLE = 10;

/** The header of an `.npy` file, version 1.0: a Python dict, padded with spaces and ended by a newline. */
export function npyHeader(name: string, { dtype, shape }: Pick<HostTensor, "dtype" | "shape">): Uint8Array {
  const descr = NUMPY_DESCR[dtype];
  if (descr === undefined) {
    throw new LtrainError("checkpoint.unsupported", `tensor "${name}" is ${dtype}, which numpy does not have`, {
      hint: "widen it with --dtype float32, or write it with --format pt",
    });
  }
  const sizes = shape.length === 1 ? `${shape[0] ?? 0},` : shape.join(", ");
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((PREAMBLE + dict.length + 1) / NPY_ALIGNMENT) * NPY_ALIGNMENT;
  const bytes = new Uint8Array(length).fill(0x20);
  bytes.set(MAGIC);
  bytes.set([1, 0], MAGIC.length);
  new DataView(bytes.buffer).setUint16(MAGIC.length + 2, length - PREAMBLE, true);
  bytes.set(Buffer.from(dict, "latin1"), PREAMBLE);
  bytes[length - 1] = 0x0a;
  return bytes;
}
