import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import type { DType } from "../storage/dtype.js";
import { itemSize } from "../storage/dtype.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { numelOf } from "../storage/hostTensor.js";
import { swapBytes } from "./swapBytes.js";

/** NumPy's type codes, without the byte order before them. */
const CODES: Readonly<Record<string, DType>> = {
  f2: "float16",
  f4: "float32",
  f8: "float64",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
  b1: "bool",
  c8: "complex64",
  c16: "complex128",
};
const MAGIC = "\x93NUMPY";
/** Real headers are 118 bytes; NumPy itself refuses longer ones than this. */
const MAX_HEADER_BYTES = 10_000;
const HEADER =
  /^\{\s*'descr':\s*'([<>|=]?)(\w\d+)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d,\s]*)\),?\s*\}\s*$/;

/** An array that `numpy.save` wrote. `name` is for complaints. */
export async function readNpy(source: ByteSource, name: string): Promise<HostTensor> {
  const start = await source.read(0, Math.min(12, source.byteLength));
  if (start.byteLength < 10 || Buffer.from(start.subarray(0, 6)).toString("latin1") !== MAGIC) {
    throw new LtrainError("data.malformed", `${name}: not a .npy file`, { hint: "write it with numpy.save" });
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const isLong = view.getUint8(6) >= 2 && start.byteLength >= 12;
  const headerStart = isLong ? 12 : 10;
  const headerLength = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  const dataStart = headerStart + headerLength;
  if (headerLength > MAX_HEADER_BYTES || dataStart > source.byteLength) {
    throw new LtrainError("data.malformed", `${name}: its header claims ${headerLength} bytes of ${source.byteLength}`);
  }
  const header = Buffer.from(await source.read(headerStart, dataStart)).toString("latin1");
  const { dtype, isBigEndian, shape } = parseHeader(header, name);
  const size = numelOf(shape) * itemSize(dtype);
  if (source.byteLength - dataStart !== size) {
    throw new LtrainError(
      "data.malformed",
      `${name}: ${dtype} [${shape.join(", ")}] takes ${size} bytes, but there are ${source.byteLength - dataStart}`,
    );
  }
  const bytes = await source.read(dataStart, dataStart + size);
  return { dtype, shape, bytes: isBigEndian ? swapBytes(bytes, partSize(dtype)) : bytes };
}

function parseHeader(header: string, name: string) {
  const match = HEADER.exec(header);
  const dtype = match === null ? undefined : CODES[match[2] ?? ""];
  if (match === null || dtype === undefined) {
    throw new LtrainError("data.malformed", `${name}: not an array of numbers: ${header.trim().slice(0, 120)}`, {
      hint: "structured and object arrays cannot be read; save one array of numbers for each field",
    });
  }
  const shape = (match[4] ?? "").split(",").flatMap((size) => (size.trim() === "" ? [] : [Number(size)]));
  if (match[3] === "True" && shape.length > 1) {
    throw new LtrainError("data.malformed", `${name}: the array lies in Fortran order`, {
      hint: "save numpy.ascontiguousarray(array)",
    });
  }
  return { dtype, isBigEndian: match[1] === ">", shape };
}

/** Bytes that are turned round together: a complex number is two. */
function partSize(dtype: DType): number {
  return dtype.startsWith("complex") ? itemSize(dtype) / 2 : itemSize(dtype);
}
