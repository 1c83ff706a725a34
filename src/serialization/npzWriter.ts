import type { ByteSink } from "../io/byteSink.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { ZipWriter } from "../zip/zipWriter.js";
import { NPY_ALIGNMENT, npyHeader } from "./npyHeader.js";
import { TensorCopier } from "./tensorCopier.js";

/** Write named tensors as `numpy.savez` does: one `.npy` for each, row-major; shared storages are written for each name. */
export async function writeNpz(tensors: ReadonlyMap<string, StoredTensor>, sink: ByteSink): Promise<void> {
  const headers = [...tensors].map(([name, tensor]) => npyHeader(name, tensor)); // refuse before anything is written
  const writer = new ZipWriter(sink, { alignment: NPY_ALIGNMENT });
  const copier = new TensorCopier(tensors.values());
  let index = 0;
  for (const [name, tensor] of tensors) {
    const header = headers[index] ?? new Uint8Array();
    index += 1;
    await writer.add(`${name}.npy`, {
      byteLength: header.byteLength + tensor.byteLength,
      chunks: () => withHeader(header, copier.chunks(tensor)),
    });
  }
  await writer.finish();
}

async function* withHeader(header: Uint8Array, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield header;
  yield* chunks;
}
