import { gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { columnIndex, readCsv } from "../../src/data/csv.js";
import { readIdx } from "../../src/data/idx.js";
import { readNpy } from "../../src/data/npy.js";
import { bytesSource } from "../../src/io/byteSource.js";
import { float32Values } from "../../src/storage/hostTensor.js";

const source = (...bytes: readonly number[]) => bytesSource(Uint8Array.from(bytes));
/** Two images of 1 by 3 pixels. */
const IDX = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];

test("an IDX file gives its shape and its bytes", async () => {
  const { dtype, shape, bytes } = await readIdx(source(...IDX), "x");
  expect([dtype, shape, [...bytes]]).toEqual(["uint8", [2, 1, 3], [1, 2, 3, 4, 5, 6]]);
});

test("a gzipped IDX file is unpacked, whatever it is called", async () => {
  const { shape } = await readIdx(bytesSource(gzipSync(Uint8Array.from(IDX))), "x");
  expect(shape).toEqual([2, 1, 3]);
});

test("numbers of several bytes are turned from big-endian", async () => {
  const { dtype, bytes } = await readIdx(source(0, 0, 0x0d, 1, 0, 0, 0, 1, 0x3f, 0x80, 0, 0), "x");
  expect([dtype, [...float32Values({ dtype: "float32", shape: [1], bytes: bytes.slice() })]]).toEqual(["float32", [1]]);
});

test.each<[string, readonly number[], string]>([
  ["cut short", IDX.slice(0, -1), "images: its header says [2, 1, 3], which takes 22 bytes, but there are 21"],
  ["too long", [...IDX, 0], "which takes 22 bytes, but there are 23"],
  ["cut in its header", IDX.slice(0, 9), "its header takes 16 bytes, but there are 9"],
  ["of another kind", [0x50, 0x4b, 3, 4, 5], "images: not an IDX file: it begins with 504b0304"],
  ["empty", [], "it begins with nothing"],
  [
    "a lie about its size",
    [0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
    "but there are 16",
  ],
  ["a damaged gzip", [0x1f, 0x8b, 8, 0, 0], "the gzip stream is damaged"],
])("an IDX file that is %s is refused", async (_, bytes, message) => {
  await expect(readIdx(source(...bytes), "images")).rejects.toMatchObject({
    code: "data.malformed",
    message: expect.stringContaining(message) as string,
  });
});

test("an npy file of torch's fixtures gives its values", async () => {
  const bytes = readFileSync(new URL("../fixtures/trained/seed-parity/rng_state_after_seed.npy", import.meta.url));
  const { dtype, shape, bytes: state } = await readNpy(bytesSource(new Uint8Array(bytes)), "state.npy");
  expect([dtype, shape]).toEqual(["uint8", [5056]]);
  expect(Buffer.from(state).readBigUInt64LE(0)).toBe(42n); // the seed stands first
});

test.each([
  ["an object array", "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "not an array of numbers"],
  ["Fortran order", "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", "Fortran order"],
  [
    "a lie about its size",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }",
    "takes 36 bytes, but there are 0",
  ],
])("an npy file with %s is refused", async (_, header, message) => {
  const text = Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(header.length, 0)}${header}`, "latin1");
  await expect(readNpy(bytesSource(new Uint8Array(text)), "x.npy")).rejects.toThrow(message);
});

test("a CSV file gives its columns and its numbers", () => {
  const table = readCsv('\ufeffa,"b c",y\n1,2.5,-3\r\n\n1e3, nan ,"4"\n', "t.csv");
  expect(table).toEqual({ columns: ["a", "b c", "y"], rows: 2, values: Float64Array.of(1, 2.5, -3, 1000, NaN, 4) });
  expect(columnIndex(table, "y", "t.csv")).toBe(2);
});

test.each([
  ["a,b\n1,2\n3,x\n", 't.csv:3:3: expected a number for "b", found "x"'],
  ["a,b\n1,\n", 't.csv:2:3: expected a number for "b", found nothing'],
  ['a,b\n"1,5",2\n', 't.csv:2:1: expected a number for "a", found "1,5"'],
  ["a,b\n1,2,3\n", "t.csv:2:1: the header has 2 columns, this line has 3"],
  ["a,b\n1\n", "t.csv:2:1: the header has 2 columns, this line has 1"],
  ["1,2\n3,4\n", 't.csv:1:1: expected a header with column names, found "1"'],
  ["name,5\n3,4\n", 't.csv:1:6: expected a header with column names, found "5"'],
  ["a,a\n1,2\n", 't.csv:1:3: the header has the column "a" twice'],
  ["a,,b\n1,2,3\n", "t.csv:1:3: the header has a column without a name"],
  ["", "t.csv: the file is empty"],
  ['a,b\n"1,2\n', "t.csv:2:1: "],
])("a CSV file that is not numbers below names is refused at its place: %j", (text, message) => {
  expect(() => readCsv(text, "t.csv")).toThrow(message);
});

test("a column that is not there is answered with the nearest", () => {
  const table = readCsv("length,width,species\n1,2,0\n", "t.csv");
  const look = (): number => columnIndex(table, "specie", "t.csv");
  expect(look).toThrow('t.csv:1:1: there is no column "specie"; there are length, width, species');
  try {
    look();
  } catch (error) {
    expect(error).toMatchObject({ code: "data.malformed", hint: 'did you mean "species"?' });
  }
});
