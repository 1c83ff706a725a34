import { LtrainError } from "../errors.js";
import { BufferedSink } from "../io/bufferedSink.js";
import type { ByteSink } from "../io/byteSink.js";
import { DTYPES } from "../storage/dtype.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { TensorCopier } from "./tensorCopier.js";

/** safetensors' own order of dtypes; a file has its data in the reverse of it. */
const DTYPE_ORDER = [
  "BOOL F4 F6_E2M3 F6_E3M2 U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ",
  "I16 U16 F16 BF16 I32 U32 F32 C64 F64 I64 U64",
]
  .join(" ")
  .split(" ");

/** The data begins at a multiple of this. */
const ALIGNMENT = 8;

interface Named {
  readonly name: string;
  readonly tensor: StoredTensor;
  readonly dtype: string;
}

/** Write named tensors as a safetensors file; views are made contiguous, shared storages are written for each name. */
export async function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  sink: ByteSink,
  metadata: ReadonlyMap<string, string> = new Map([["format", "pt"]]),
): Promise<void> {
  const ordered = [...tensors]
    .map(([name, tensor]): Named => ({ name, tensor, dtype: dtypeName(name, tensor) }))
    .sort(compare);
  const buffered = new BufferedSink(sink);
  await buffered.write(headerBytes(ordered, metadata));
  const copier = new TensorCopier(ordered.map(({ tensor }) => tensor));
  for (const { tensor } of ordered) for await (const chunk of copier.chunks(tensor)) await buffered.write(chunk);
  await buffered.flush();
}

function dtypeName(name: string, tensor: StoredTensor): string {
  const dtype = DTYPES[tensor.dtype].safetensors;
  // Of F4 the header counts single numbers along the last axis, and a scalar has none.
  if (dtype === "F4" && tensor.shape.length === 0) {
    throw new LtrainError(
      "checkpoint.unsupported",
      `tensor "${name}" is ${tensor.dtype} [], and safetensors has no packed scalars`,
      { hint: "write it with --format pt" },
    );
  }
  if (dtype !== null) return dtype;
  throw new LtrainError(
    "checkpoint.unsupported",
    `tensor "${name}" is ${tensor.dtype}, which safetensors does not have`,
    {
      hint: "write it with --format pt",
    },
  );
}

function compare(a: Named, b: Named): number {
  const byDtype = DTYPE_ORDER.indexOf(b.dtype) - DTYPE_ORDER.indexOf(a.dtype);
  return byDtype !== 0 ? byDtype : Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}

function headerBytes(ordered: readonly Named[], metadata: ReadonlyMap<string, string>): Uint8Array {
  const members: string[] = [];
  if (metadata.size > 0) members.push(`"__metadata__":${objectText(metadata)}`);
  let position = 0;
  for (const { name, tensor, dtype } of ordered) {
    if (name === "__metadata__")
      throw new LtrainError("argument.invalid", 'no tensor can be named "__metadata__" in safetensors');
    const end = position + tensor.byteLength;
    const shape =
      dtype === "F4"
        ? tensor.shape.map((size, axis, all) => (axis === all.length - 1 ? 2 * size : size))
        : tensor.shape;
    const fields = { dtype, shape, data_offsets: [position, end] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(fields)}`);
    position = end;
  }
  const json = Buffer.from(`{${members.join()}}`);
  const padded = Math.ceil(json.byteLength / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(ALIGNMENT + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, ALIGNMENT);
  return bytes;
}

function objectText(entries: ReadonlyMap<string, string>): string {
  return `{${[...entries].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`;
}
