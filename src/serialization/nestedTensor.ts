import { LtrainError } from "../errors.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";
import { checkInside } from "./denseTensor.js";
import type { TensorParts } from "./tensorParts.js";

/**
 * The rows of a nested tensor as views of its buffer, as `tensor.unbind()` gives them; the sizes are read from the
 * file. Undefined for a tensor that is not nested. An error names the tensor by its path.
 */
export async function nestedRows(tensor: TensorParts, path: string): Promise<readonly StoredTensor[] | undefined> {
  try {
    if (tensor.layout === "nested_strided") return await stridedRows(tensor);
    return tensor.layout === "nested_jagged" ? await jaggedRows(tensor) : undefined;
  } catch (error) {
    if (!(error instanceof LtrainError)) throw error;
    throw new LtrainError(error.code, `${path}: ${error.message}`, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

async function stridedRows({ parts }: TensorParts): Promise<readonly StoredTensor[]> {
  const buffer = part(parts, "buffer");
  const [sizes, strides, offsets] = await Promise.all([
    wholeNumbers(parts, "sizes"),
    wholeNumbers(parts, "strides"),
    wholeNumbers(parts, "storage_offsets"),
  ]);
  const [rows = 0, rank = 0] = part(parts, "sizes").shape;
  if (strides.length !== sizes.length || offsets.length !== rows) {
    throw malformed(`has ${rows} rows, ${offsets.length} offsets and sizes that do not fit its strides`);
  }
  return offsets.map((offset, row) =>
    view(buffer, {
      shape: sizes.slice(row * rank, (row + 1) * rank),
      stride: strides.slice(row * rank, (row + 1) * rank),
      storageOffset: buffer.storageOffset + offset,
    }),
  );
}

/** Row i is `values[offsets[i] : offsets[i + 1]]`, or as long as `lengths` says, along the ragged axis. */
async function jaggedRows({ parts, raggedAxis }: TensorParts): Promise<readonly StoredTensor[]> {
  const values = part(parts, "values");
  const offsets = await wholeNumbers(parts, "offsets");
  const lengths = parts.has("lengths") ? await wholeNumbers(parts, "lengths") : undefined;
  // The axis counts the row itself, which the values do not have.
  const axis = (raggedAxis ?? 1) - 1;
  const step = values.stride[axis];
  if (step === undefined) throw malformed(`is ragged along axis ${axis} of [${values.shape.join(", ")}]`);
  return offsets.slice(0, -1).map((offset, row) => {
    const length = lengths?.[row] ?? (offsets[row + 1] ?? offset) - offset;
    return view(values, {
      shape: values.shape.map((size, each) => (each === axis ? length : size)),
      stride: values.stride,
      storageOffset: values.storageOffset + offset * step,
    });
  });
}

function view(
  base: StoredTensor,
  place: { readonly shape: readonly number[]; readonly stride: readonly number[]; readonly storageOffset: number },
): StoredTensor {
  const { dtype, storage, device } = base;
  const row = new StoredTensor({ dtype, storage, device, ...place });
  if (row.shape.some((size) => size < 0)) throw malformed(`has a row of shape [${row.shape.join(", ")}]`);
  checkInside(row);
  return row;
}

function part(parts: TensorParts["parts"], name: string): StoredTensor {
  const found = parts.get(name);
  if (found === undefined) throw malformed(`has no ${name}`);
  return found;
}

/** A nested tensor of more rows than this is not one that a checkpoint holds: each row is a tensor of its own here. */
const MAX_NUMBERS = 1 << 20;

async function wholeNumbers(parts: TensorParts["parts"], name: string): Promise<number[]> {
  const tensor = part(parts, name);
  if (tensor.dtype !== "int64") throw malformed(`has ${name} that are ${tensor.dtype} [${tensor.shape.join(", ")}]`);
  if (tensor.numel > MAX_NUMBERS) {
    throw malformed(`has ${name} of ${tensor.numel} numbers; more than ${MAX_NUMBERS} are not read`);
  }
  const { bytes } = await readTensor(tensor);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: tensor.numel }, (_, index) => Number(view.getBigInt64(index * 8, true)));
}

function malformed(what: string): LtrainError {
  return new LtrainError("checkpoint.malformed", `a nested tensor ${what}`);
}
