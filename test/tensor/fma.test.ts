import { fma32 } from "../../src/tensor/fma.js";

test("a product and sum that fit in a double are rounded once", () => {
  expect(fma32(3, 5, 7)).toBe(22);
  // 0.1f·0.1f + 0.2f lies between two float32; Math.fround of the exact double sum is the nearer.
  const [a, c] = [Math.fround(0.1), Math.fround(0.2)];
  expect(fma32(a, a, c)).toBe(Math.fround(a * a + c));
});

test("what the double sum lost decides between two float32 that it lies halfway between", () => {
  // 1 + 2^-24 is halfway between 1 and 1 + 2^-23; (2^-12 · 2^-12) + 1 is that tie, and ties go to even: 1.
  expect(fma32(2 ** -12, 2 ** -12, 1)).toBe(1);
  // (1+2^-23)·2^-24 + 2^30·… : a product a hair above the tie, whose hair a double next to 1 + 2^-24 cannot hold.
  const tiny = 2 ** -24 * (1 + 2 ** -23); // exact in float32
  // tiny·(1 + 2^-23) = 2^-24·(1 + 2^-22 + 2^-46): added to 1 it needs 71 bits, a double keeps 1 + 2^-24 + 2^-46.
  expect(fma32(tiny, 1 + 2 ** -23, 1)).toBe(1 + 2 ** -23);
  // 2^-24 + 2^-54 as a product: (2^-24)(1 + 2^-30) is no float32, so it is built of factors: (2^-9 + 2^-24)·(2^-15 - 2^-30)
  // = 2^-24 - 2^-54, a hair below the tie, lost in the double sum, and 1 is right where 1 + 2^-24 would tie to 1 as well.
  expect(fma32(2 ** -9 + 2 ** -24, 2 ** -15 - 2 ** -30, 1)).toBe(1);
  // The same hair below 1 + 3·2^-24, which as a tie would go to 1 + 2^-22 (even); the exact sum is nearer to 1 + 2^-23.
  expect(fma32(2 ** -9 + 2 ** -24, 2 ** -15 - 2 ** -30, 1 + 2 ** -23)).toBe(1 + 2 ** -23);
});
