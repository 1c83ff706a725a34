import { power } from "../../src/tensor/exactPower.js";

/** [base, exponent, Python's base ** exponent]: CPython 3.11 with glibc 2.36. */
const PYTHON: readonly (readonly [number, number, number])[] = [
  [0.95, 7, 0.6983372960937497],
  [0.97, 61, 0.1559824689509293],
  [0.7499999999999997, 2, 0.5624999999999996], // a thousandth of a thousandth off the middle of two doubles
  [0.9, 0.9, 0.9095325760829622],
  [0.3333333333333333, 0.7, 0.4634630567719698],
  [2, 0.5, 1.4142135623730951],
  [1.0000000000000002, 3, 1.0000000000000007],
];

test.each(PYTHON)("%d ** %d is Python's, to the last bit", (base, exponent, expected) => {
  expect(power(base, exponent)).toBe(expected);
});

test("what is exact stays what it is", () => {
  expect([power(0, 2), power(1, 0.3), power(2, -3), power(0.1, 0), power(0.1, 1), power(0, 0)]).toEqual([
    0, 1, 0.125, 1, 0.1, 1,
  ]);
});
