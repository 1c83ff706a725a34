import fc from "fast-check";
import { trimStorages } from "../../src/checkpoint/trimStorages.js";
import { bufferSink } from "../../src/io/byteSink.js";
import { bytesSource } from "../../src/io/byteSource.js";
import { openZip } from "../../src/zip/zipReader.js";
import { readNpz } from "../../src/serialization/npzReader.js";
import { writeNpz } from "../../src/serialization/npzWriter.js";
import { readSafetensors, writeSafetensors } from "../../src/serialization/safetensors.js";
import { torchLoad } from "../../src/serialization/torchLoad.js";
import { torchSave } from "../../src/serialization/torchSave.js";
import { PyDict } from "../../src/pickle/values.js";
import { readTensor } from "../../src/storage/strided.js";
import type { Storage, StoredTensor } from "../../src/storage/storedTensor.js";
import { EVERYWHERE, tensorsOf } from "./generatedTensors.js";

/** What must come back: dtype, shape and bytes of each, and which lie in one storage. */
async function described(tensors: ReadonlyMap<string, StoredTensor>, withSharing: boolean): Promise<object> {
  const numbers = new Map<Storage, number>();
  const result: [string, unknown][] = [];
  for (const [name, tensor] of tensors) {
    if (tensor.numel > 0 && !numbers.has(tensor.storage)) numbers.set(tensor.storage, numbers.size);
    const { bytes } = await readTensor(tensor);
    const what = [tensor.dtype, [...tensor.shape], Buffer.from(bytes).toString("hex")];
    result.push([name, withSharing ? [...what, numbers.get(tensor.storage)] : what]);
  }
  return result.sort(([a], [b]) => (a < b ? -1 : 1));
}

async function written(write: (sink: ReturnType<typeof bufferSink>) => Promise<void>): Promise<Uint8Array> {
  const sink = bufferSink();
  await write(sink);
  return sink.bytes();
}

test("views of shared storages come back from a torch file with their bytes, shapes and sharing", async () => {
  await fc.assert(
    fc.asyncProperty(
      tensorsOf([...EVERYWHERE, "bfloat16", "complex64", "uint16", "float8_e4m3fn"]),
      async (tensors) => {
        const bytes = await written((sink) => torchSave(new PyDict(tensors), sink));
        const { value } = await torchLoad(bytesSource(bytes));
        const loaded = new Map([...(value as PyDict)] as [string, StoredTensor][]);
        expect(await described(loaded, true)).toEqual(await described(tensors, true));
      },
    ),
    { numRuns: 100 },
  );
});

test("trimmed storages hold the same tensors, which share memory only where they did, in no more bytes", async () => {
  await fc.assert(
    fc.asyncProperty(tensorsOf(EVERYWHERE), async (tensors) => {
      const trimmed = trimStorages(tensors);
      expect(await described(trimmed, false)).toEqual(await described(tensors, false));
      const sizeOf = (of: ReadonlyMap<string, StoredTensor>): number =>
        [...new Set([...of.values()].map(({ storage }) => storage))].reduce(
          (sum, { byteLength }) => sum + byteLength,
          0,
        );
      expect(sizeOf(trimmed)).toBeLessThanOrEqual(sizeOf(tensors));
    }),
    { numRuns: 100 },
  );
});

test("safetensors and npz hold the same numbers, row-major", async () => {
  await fc.assert(
    fc.asyncProperty(tensorsOf(EVERYWHERE), async (tensors) => {
      const expected = await described(tensors, false);
      const safetensors = await written((sink) => writeSafetensors(tensors, sink));
      expect(await described((await readSafetensors(bytesSource(safetensors))).tensors, false)).toEqual(expected);
      const npz = await written((sink) => writeNpz(tensors, sink));
      const arrays = await readNpz(await openZip(bytesSource(npz)));
      expect(await described(arrays as ReadonlyMap<string, StoredTensor>, false)).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});
