import { bytesSource } from "../../src/io/byteSource.js";
import { readPickle } from "../../src/pickle/unpickler.js";
import type { PyGlobal } from "../../src/pickle/values.js";
import { PyDict, PyStorage } from "../../src/pickle/values.js";
import { openTorchArchive } from "../../src/serialization/torchArchive.js";
import { ArchiveStorages } from "../../src/serialization/archiveStorages.js";
import { tensorCallReader } from "../../src/serialization/tensorCall.js";
import { findTorchClass } from "../../src/serialization/torchGlobals.js";
import { torchSave } from "../../src/serialization/torchSave.js";
import type { DType } from "../../src/storage/dtype.js";
import { itemSize } from "../../src/storage/dtype.js";
import { StoredTensor, storedTensor } from "../../src/storage/storedTensor.js";
import { openZip } from "../../src/zip/zipReader.js";

const SHAPES = [[], [0], [300], [2, 3], [1, 2, 3], [2, 1, 2, 1], [1, 1, 1, 1, 2], [70_000]];
const DTYPES: readonly DType[] = ["float32", "int64", "bfloat16", "uint16"];

/** The pickle of a file that torch would write of many tensors, some of them views of the same storage. */
async function archiveOf(): Promise<Awaited<ReturnType<typeof openTorchArchive>>> {
  const root = new PyDict();
  for (const [index, shape] of SHAPES.entries()) {
    for (const dtype of DTYPES) {
      const numel = shape.reduce((product, size) => product * size, 1);
      const bytes = new Uint8Array(numel * itemSize(dtype));
      const tensor = storedTensor({ dtype, shape, bytes });
      root.set(`${dtype}.${index}`, tensor);
      if (numel > 1)
        root.set(
          `${dtype}.${index}.last`,
          new StoredTensor({
            dtype,
            storage: tensor.storage,
            shape: [],
            stride: [],
            storageOffset: numel - 1,
            requiresGrad: true,
          }),
        );
    }
  }
  const parts: Uint8Array[] = [];
  await torchSave(root, {
    write: (bytes) => {
      parts.push(bytes.slice());
      return Promise.resolve();
    },
  });
  return openTorchArchive(await openZip(bytesSource(Buffer.concat(parts))));
}

/** What is known of every tensor of a pickle, in its order, and how many of them were read in one go. */
async function tensorsOf(pickle: Uint8Array, withShortcut: boolean): Promise<{ read: unknown; shortcuts: number }> {
  const archive = await archiveOf();
  const storages = new ArchiveStorages((key) => archive.record(`data/${key}`), archive.byteOrder);
  const reader = tensorCallReader((...parts) => storages.open(...parts));
  let shortcuts = 0;
  const shortcut: typeof reader = (machine, callable: PyGlobal) => {
    const isRead = reader(machine, callable);
    if (isRead) shortcuts += 1;
    return isRead;
  };
  const { value, globals } = readPickle(pickle, {
    persistentLoad: (id) => storages.load(id),
    findClass: findTorchClass,
    ...(withShortcut ? { shortcut } : {}),
  });
  const root = value as PyDict;
  const first = new Map<object, string>();
  const read = Array.from(root, ([key, tensor]) => {
    if (!(tensor instanceof StoredTensor)) return [key, tensor instanceof PyStorage ? "storage" : tensor];
    const { storage, ...rest } = tensor;
    if (!first.has(storage)) first.set(storage, key as string);
    return [key, rest, first.get(storage)];
  });
  return { read: [read, globals.map(String)], shortcuts };
}

test("a tensor that is read in one go is the one that its opcodes make, at any rank and offset, shared storages included", async () => {
  const archive = await archiveOf();
  const pickle = await archive.bytes("data.pkl");
  const quick = await tensorsOf(pickle, true);
  const slow = await tensorsOf(pickle, false);
  expect(quick.read).toEqual(slow.read);
  expect(slow.shortcuts).toBe(0);
  expect(quick.shortcuts).toBeGreaterThan(25);
});

test("any changed byte of the pickle has the same end, read in one go or opcode by opcode", async () => {
  const archive = await archiveOf();
  const pickle = (await archive.bytes("data.pkl")).slice();
  const ending = async (withShortcut: boolean): Promise<unknown> => {
    try {
      return (await tensorsOf(pickle, withShortcut)).read;
    } catch (error) {
      return String(error);
    }
  };
  for (let at = 700; at < 1500; at += 7) {
    const before = pickle[at] ?? 0;
    pickle[at] = (before + 1 + (at % 5)) & 0xff;
    expect({ at, ending: await ending(true) }).toEqual({ at, ending: await ending(false) });
    pickle[at] = before;
  }
});
