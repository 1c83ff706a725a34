import { linearScale, logScale, tickText, valueText } from "../../src/plot/scale.js";

test("a linear axis has round ticks, 1, 2 or 5 times a power of ten apart, and is widened to them", () => {
  const { min, max, ticks } = linearScale({ min: 0.013, max: 2.17 }, 4, true);
  expect([min, max]).toEqual([0, 3]);
  expect(ticks).toEqual([0, 1, 2, 3]);
  expect(linearScale({ min: 10, max: 8590 }, 5, false).ticks).toEqual([2000, 4000, 6000, 8000]);
});

test("an axis of one value, or of values that differ by rounding only, has room around it", () => {
  const constant = linearScale({ min: 1e-3, max: 1e-3 + 2e-19 }, 4, true);
  expect(constant.place(1e-3)).toBeCloseTo(0.5);
  expect(linearScale({ min: 0, max: 0 }, 4, true).place(0)).toBe(0.5);
});

test("a logarithmic axis gives equal room to equal ratios, and none to 0 and below", () => {
  const scale = logScale({ min: 1e-3, max: 10 }, 5);
  expect(scale.ticks).toEqual([1e-3, 1e-2, 1e-1, 1, 10]);
  expect(scale.place(0.1) - scale.place(0.01)).toBeCloseTo(scale.place(10) - scale.place(1));
  expect(scale.place(0)).toBeNaN();
  expect(scale.place(-1)).toBeNaN();
  expect(logScale({ min: 0.11, max: 0.6 }, 4).ticks).toEqual([0.2, 0.5]);
});

test.each([
  [0.05, 0.05, "0.05"],
  [1500, 500, "1500"],
  [15000, 5000, "15,000"],
  [2e-5, 1e-5, "2e-5"],
  [3e6, 1e6, "3e6"],
  [1e-17, 0.1, "0"],
])("the tick %p of steps of %p is written %p", (tick, step, text) => {
  expect(tickText(tick, step)).toBe(text);
});

test.each([
  [0.041234, "0.04123"],
  [1e-3, "0.001"],
  [12.3456, "12.35"],
  [1.23456e-5, "1.23e-5"],
  [1e-5, "1e-5"],
  [8595, "8595"],
  [Number.NaN, "nan"],
  [-Infinity, "-inf"],
])("the value %p is written %p", (value, text) => {
  expect(valueText(value)).toBe(text);
});
