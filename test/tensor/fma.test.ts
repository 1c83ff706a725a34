import { fma32 } from "../../src/tensor/fma.js";

test("a product and sum that fit in a double are rounded once", () => {
  expect(fma32(3, 5, 7)).toBe(22);
  // 0.1f·0.1f + 0.2f lies between two float32; Math.fround of the exact double sum is the nearer.
  const [a, c] = [Math.fround(0.1), Math.fround(0.2)];
  expect(fma32(a, a, c)).toBe(Math.fround(a * a + c));
});

test("what the double sum lost decides between two float32 that it lies halfway between", () => {
  // (2^-9 + 2^-24)·(2^-15 - 2^-30) = 2^-24 - 2^-54. Added to 1 + 2^-23 it is a hair below 1 + 3·2^-24, which a double
  // rounds to just that: halfway between 1 + 2^-23 and 1 + 2^-22, and a tie would go to the latter, the even one.
  const a = 2 ** -9 + 2 ** -24;
  const b = 2 ** -15 - 2 ** -30;
  const c = 1 + 2 ** -23;
  expect(Math.fround(a * b + c)).toBe(1 + 2 ** -22);
  expect(fma32(a, b, c)).toBe(1 + 2 ** -23);
});

test("a true tie goes to the even float32", () => {
  // 2^-12·2^-12 + 1 = 1 + 2^-24 is halfway between 1 and 1 + 2^-23.
  expect(fma32(2 ** -12, 2 ** -12, 1)).toBe(1);
});
