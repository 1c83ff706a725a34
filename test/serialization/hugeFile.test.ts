import type { ByteSource } from "../../src/io/byteSource.js";
import { PyDict } from "../../src/pickle/values.js";
import { torchLoad } from "../../src/serialization/torchLoad.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";

const TENSORS = 40;
const GIGABYTE = 2 ** 30;

interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** A file of zeros but for a few pieces, as a sparse file is; it counts what is read of it. */
class SparseSource implements ByteSource {
  readonly byteLength: number;
  bytesRead = 0;
  reads = 0;
  readonly #pieces: readonly Piece[];
  constructor(pieces: readonly Piece[], byteLength: number) {
    this.#pieces = pieces;
    this.byteLength = byteLength;
  }
  read(start: number, end: number): Promise<Uint8Array> {
    this.reads += 1;
    this.bytesRead += end - start;
    const target = new Uint8Array(end - start);
    for (const piece of this.#pieces) {
      const from = Math.max(start, piece.start);
      const to = Math.min(end, piece.start + piece.bytes.byteLength);
      if (from < to) target.set(piece.bytes.subarray(from - piece.start, to - piece.start), from - start);
    }
    return Promise.resolve(target);
  }
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => bytes.writeUInt16LE(value, index * 2));
  return bytes;
}
function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32LE(value, index * 4));
  return bytes;
}
function u64(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, index) => bytes.writeBigUInt64LE(BigInt(value), index * 8));
  return bytes;
}

/** A zip64 archive (APPNOTE.TXT 4.3) of records that are bytes, or so many zeros. */
function archiveOf(records: readonly (readonly [string, Uint8Array | number])[]): SparseSource {
  const pieces: Piece[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, content] of records) {
    const size = typeof content === "number" ? content : content.byteLength;
    const header = Buffer.concat([
      u32(0x04034b50),
      u16(45, 0, 0, 0, 0),
      u32(0, 0, 0),
      u16(name.length, 0),
      Buffer.from(name),
    ]);
    pieces.push({ start: at, bytes: header });
    if (typeof content !== "number") pieces.push({ start: at + header.byteLength, bytes: content });
    const wide = u64(size, size, at);
    directory.push(
      Buffer.concat([
        u32(0x02014b50),
        u16(45, 45, 0, 0, 0, 0),
        u32(0, 0xffffffff, 0xffffffff),
        u16(name.length, wide.byteLength + 4, 0, 0, 0),
        u32(0, 0xffffffff),
        Buffer.from(name),
        u16(1, wide.byteLength),
        wide,
      ]),
    );
    at += header.byteLength + size;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.concat([
    u32(0x06064b50),
    u64(44),
    u16(45, 45),
    u32(0, 0),
    u64(records.length, records.length, central.byteLength, at),
    u32(0x07064b50, 0),
    u64(at + central.byteLength),
    u32(1),
    u32(0x06054b50),
    u16(0, 0, records.length, records.length),
    u32(central.byteLength, 0xffffffff),
    u16(0),
  ]);
  pieces.push({ start: at, bytes: new Uint8Array(Buffer.concat([central, end])) });
  return new SparseSource(pieces, at + central.byteLength + end.byteLength);
}

/** A protocol 2 pickle of `{"layer.<n>": float32 tensor of numel elements in storage n}` (lightning-checkpoint-format.md, 2.6). */
function protocol2(tensors: number, numel: number): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from("X"), u32(value.length), Buffer.from(value)]);
  const int = (value: number): Buffer => Buffer.concat([Buffer.from("J"), u32(value)]);
  const entries = Array.from({ length: tensors }, (_, key) =>
    Buffer.concat([
      text(`layer.${key}`),
      Buffer.from("ctorch._utils\n_rebuild_tensor_v2\n(("),
      text("storage"),
      Buffer.from("ctorch\nFloatStorage\n"),
      text(String(key)),
      text("cpu"),
      int(numel),
      Buffer.from("tQ"), // TUPLE, BINPERSID
      int(0),
      int(numel),
      Buffer.from([0x85]), // TUPLE1: the size
      int(1),
      Buffer.from([0x85, 0x89]), // the stride; NEWFALSE: no gradient
      Buffer.from("ccollections\nOrderedDict\n)RtR"),
    ]),
  );
  return Buffer.concat([Buffer.from([0x80, 2]), Buffer.from("}("), ...entries, Buffer.from("u.")]);
}

test("the keys of a 40 GB file take its directory and its pickle, a few reads and a few kilobytes", async () => {
  const records: [string, Uint8Array | number][] = [["archive/data.pkl", protocol2(TENSORS, GIGABYTE / 4)]];
  for (let key = 0; key < TENSORS; key += 1) records.push([`archive/data/${key}`, GIGABYTE]);
  records.push(["archive/version", Buffer.from("3\n")]);
  const source = archiveOf(records);
  expect(source.byteLength).toBeGreaterThan(TENSORS * GIGABYTE);
  const { value } = await torchLoad(source);
  if (!(value instanceof PyDict)) throw new Error("the root is a dict");
  expect(value.size).toBe(TENSORS);
  const last = value.get(`layer.${TENSORS - 1}`);
  expect(last).toBeInstanceOf(StoredTensor);
  expect(last).toMatchObject({ shape: [GIGABYTE / 4] });
  expect(source.reads).toBeLessThanOrEqual(6);
  expect(source.bytesRead).toBeLessThan(40_000);
});
