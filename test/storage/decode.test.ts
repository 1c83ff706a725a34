import { readFileSync } from "node:fs";
import { decodeNumbers, numbersPerElement } from "../../src/storage/decode.js";
import type { DType } from "../../src/storage/dtype.js";
import { DTYPES } from "../../src/storage/dtype.js";

interface Fixture {
  readonly dtypes: Readonly<Record<string, { readonly hex: string; readonly numbers: readonly (number | string)[] }>>;
}
const { dtypes } = JSON.parse(
  readFileSync(new URL("../fixtures/storage/decode.json", import.meta.url), "utf8"),
) as Fixture;

function spell(value: number): number | string {
  if (Object.is(value, -0)) return "-0";
  return Number.isNaN(value) ? "nan" : Number.isFinite(value) ? value : value > 0 ? "inf" : "-inf";
}

test.each(Object.keys(dtypes))("%s bytes are the numbers that torch reads", (dtype) => {
  const { hex, numbers } = dtypes[dtype] ?? { hex: "", numbers: [] };
  const decoded = decodeNumbers(new Uint8Array(Buffer.from(hex, "hex")), dtype as DType);
  expect([...decoded].map(spell)).toEqual(numbers);
});

test("bytes that do not lie at a multiple of their width are read too", () => {
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setFloat64(1, 2.5, true);
  expect([...decodeNumbers(bytes.subarray(1), "float64")]).toEqual([2.5]);
});

test("two fp4 numbers lie in a byte, the first in its lower half: 0x2a is -1 and 1", () => {
  expect([...decodeNumbers(Uint8Array.of(0x2a), "float4_e2m1fn_x2")]).toEqual([-1, 1]);
});

test("every dtype is numbers, or said to be bits", () => {
  const bits = Object.keys(DTYPES).filter((dtype) => numbersPerElement(dtype as DType) === 0);
  expect(bits).toEqual(["quint4x2", "quint2x4", "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"]);
});
