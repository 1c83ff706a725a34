import { crc32, deflateRawSync } from "node:zlib";
import { bytesSource } from "../../src/io/byteSource.js";
import { PyDict, PyObject } from "../../src/pickle/values.js";
import { readNpyFile, readNpzFile } from "../../src/serialization/npzReader.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { fixtureBytes, sha256 } from "./twin.js";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface NpzTwin {
  readonly arrays: Readonly<Record<string, { dtype: string; shape: number[]; fortran_order: boolean; sha256: string }>>;
}

const FIXTURES = fileURLToPath(new URL("../fixtures/torch/", import.meta.url));

/** numpy's spelling of torch's dtypes, as far as the fixtures have them. */
const NUMPY_NAMES: Readonly<Record<string, string>> = {
  "<f4": "float32",
  "<f8": "float64",
  ">i4": "int32",
  "|b1": "bool",
  "<f2": "float16",
  "<c16": "complex128",
  "|u1": "uint8",
  "<i8": "int64",
};

test.each(["npz-stored", "npz-deflated"])(
  "%s: every array has the dtype, shape and bytes that numpy says",
  async (stem) => {
    const { arrays } = JSON.parse(readFileSync(`${FIXTURES}${stem}.json`, "utf8")) as NpzTwin;
    const read = await readNpzFile(bytesSource(fixtureBytes(`torch/${stem}.npz`)));
    expect([...read.keys()]).toEqual(Object.keys(arrays));
    for (const [name, { dtype, shape, sha256: digest }] of Object.entries(arrays)) {
      const tensor = read.get(name);
      if (!(tensor instanceof StoredTensor)) throw new Error(`${name} is no tensor`);
      const { bytes } = await readTensor(tensor);
      expect({ name, dtype: tensor.dtype, shape: tensor.shape, digest: sha256(bytes) }).toEqual({
        name,
        dtype: NUMPY_NAMES[dtype],
        shape,
        digest,
      });
    }
  },
);

test("an array in Fortran order is one with its strides turned round, as torch.from_numpy has it", async () => {
  const read = await readNpzFile(bytesSource(fixtureBytes("torch/npz-stored.npz")));
  expect(read.get("f")).toMatchObject({ shape: [2, 3], stride: [1, 2] });
});

/** A `.npy` file with a header of any version and any text. */
function npy(header: string, data: Uint8Array, major = 1): Uint8Array {
  const text = Buffer.from(`${header}\n`, major === 3 ? "utf8" : "latin1");
  const length = Buffer.alloc(major === 1 ? 2 : 4);
  if (major === 1) length.writeUInt16LE(text.byteLength);
  else length.writeUInt32LE(text.byteLength);
  return new Uint8Array(
    Buffer.concat([Buffer.from("\x93NUMPY", "latin1"), Buffer.from([major, 0]), length, text, data]),
  );
}

const open = (bytes: Uint8Array): Promise<StoredTensor | PyObject> => readNpyFile(bytesSource(bytes));

test.each([1, 2, 3])("version %d of the format is read", async (major) => {
  const bytes = npy(
    "{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }",
    Uint8Array.of(1, 0, 2, 0, 255, 255),
    major,
  );
  const array = await open(bytes);
  if (!(array instanceof StoredTensor)) throw new Error("int16 is a dtype of torch");
  expect(array).toMatchObject({ dtype: "int16", shape: [3], stride: [1] });
  const values = new DataView((await readTensor(array)).bytes.slice().buffer);
  expect([0, 2, 4].map((at) => values.getInt16(at, true))).toEqual([1, 2, -1]);
});

test("Python 2 wrote its longs with an L", async () => {
  const array = await open(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 1L), }", Uint8Array.of(7, 8)));
  expect(array).toMatchObject({ dtype: "uint8", shape: [2, 1] });
});

test("big-endian numbers are turned round, complex ones part by part", async () => {
  const data = Buffer.alloc(8);
  data.writeFloatBE(1.5, 0);
  data.writeFloatBE(-2, 4);
  const array = await open(npy("{'descr': '>c8', 'fortran_order': False, 'shape': (1,), }", data));
  if (!(array instanceof StoredTensor)) throw new Error("complex64 is a dtype of torch");
  const bytes = Buffer.from((await readTensor(array)).bytes);
  expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([1.5, -2]);
});

test.each([
  ["'<U2'", "<U2"],
  ["'|O'", "|O"],
  ["'<M8[ns]'", "<M8[ns]"],
  ["[('x', '<f4'), ('y', '<i8')]", "[('x', '<f4'), ('y', '<i8')]"],
])("what torch has no dtype for (%s) is shown by its dtype and shape, and never unpickled", async (descr, dtype) => {
  const evil = Buffer.from("cos\nsystem\n(S'id'\ntR.", "latin1");
  const array = await open(npy(`{'descr': ${descr}, 'fortran_order': False, 'shape': (2, 1), }`, evil));
  if (!(array instanceof PyObject) || !(array.state instanceof PyDict)) throw new Error("an inert object");
  expect(array.className).toBe("numpy.ndarray");
  expect(array.state.get("dtype")).toBe(dtype);
});

test.each([
  ["{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", /takes 4000000000000 bytes, and has 4/],
  ["{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", /has a header that is not/],
  ["{'descr': '<f4', 'shape': (1,), }", /has a header that is not/],
  ["__import__('os').system('id')", /has a header that is not/],
  ["{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } ()", /has a header that is not/],
])("a header that lies or is none is refused: %s", async (header, message) => {
  await expect(open(npy(header, new Uint8Array(4)))).rejects.toMatchObject({
    code: "checkpoint.malformed",
    message: expect.stringMatching(message) as unknown,
  });
});

test("an array whose bytes were changed in its archive is refused when it is read, stored or deflated", async () => {
  for (const method of [0, 8]) {
    const content = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }", Uint8Array.of(1, 2, 3, 4));
    const wrong = crc32(Uint8Array.of(0));
    const packed = method === 0 ? content : new Uint8Array(deflateRawSync(content));
    const archive = zipOf("a.npy", packed, { method, byteLength: content.byteLength, crc: wrong });
    await expect(
      readNpzFile(bytesSource(archive)).then((arrays) => {
        const array = arrays.get("a");
        return array instanceof StoredTensor ? readTensor(array) : undefined;
      }),
    ).rejects.toMatchObject({ code: "checkpoint.malformed", message: expect.stringContaining("checksum") as unknown });
  }
});

/** A zip archive of one record (APPNOTE.TXT 4.3), with whatever checksum. */
function zipOf(
  name: string,
  packed: Uint8Array,
  record: { method: number; byteLength: number; crc: number },
): Uint8Array {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(record.method, 4);
  fields.writeUInt32LE(record.crc, 10);
  fields.writeUInt32LE(packed.byteLength, 14);
  fields.writeUInt32LE(record.byteLength, 18);
  fields.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), fields, Buffer.from(name), packed]);
  const central = Buffer.concat([
    Buffer.from("PK\x01\x02", "latin1"),
    Buffer.from([20, 0]),
    fields,
    Buffer.alloc(14),
    Buffer.from(name),
  ]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(central.byteLength, 8);
  end.writeUInt32LE(local.byteLength, 12);
  return new Uint8Array(Buffer.concat([local, central, Buffer.from("PK\x05\x06", "latin1"), end]));
}
