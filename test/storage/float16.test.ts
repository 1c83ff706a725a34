import { fromHalfBits, narrowArray, toHalfBits, widenArray } from "../../src/storage/float16.js";
import { fixture } from "../precision/fixture.js";

const TYPES = ["float16", "bfloat16"] as const;
const torch = fixture("halves.json") as Record<"float32" | (typeof TYPES)[number], number[]>;
const floats = new Float32Array(Uint32Array.from(torch.float32).buffer);

test.each(TYPES)("float32 becomes %s bit for bit as in torch: ties to even, overflow, small numbers", (type) => {
  // Which NaN it is depends on torch's code path: 0x7fc0 one by one, 0xffff where it takes eight at once.
  const known = (bits: readonly number[]): (number | string)[] =>
    bits.map((each) => (Number.isNaN(fromHalfBits(each, type)) ? "NaN" : each));
  expect(known([...narrowArray(floats, type)])).toEqual(known(torch[type]));
});

test.each(TYPES)("every one of the 65536 values of %s comes back from float32 as it was", (type) => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const wide = widenArray(all, type);
  const back = narrowArray(wide, type);
  const differs = [...all].filter((bits) => back[bits] !== bits && !Number.isNaN(wide[bits]));
  expect(differs).toEqual([]);
});

test("numbers have the halves that IEEE 754 gives them", () => {
  expect(toHalfBits(1, "float16")).toBe(0x3c00); // exponent 15, mantissa 0
  expect(fromHalfBits(0x0001, "float16")).toBe(2 ** -24); // the smallest
  expect(fromHalfBits(0x7bff, "float16")).toBe(65504); // the largest
  expect(toHalfBits(1, "bfloat16")).toBe(0x3f80); // the upper half of 0x3f800000
  expect(fromHalfBits(0xff80, "bfloat16")).toBe(Number.NEGATIVE_INFINITY);
});
