import { History, sparkline } from "../../src/plot/sparkline.js";
import { factsOf, smoothed, thinned } from "../../src/plot/series.js";
import type { Point } from "../../src/plot/series.js";

const points = (...ys: number[]): Point[] => ys.map((y, x) => ({ x, y }));

test("smoothing is TensorBoard's: an exponential average without its bias to 0", () => {
  // By hand with weight 0.5: 1 = 0.5/0.5; (0.25 + 1.5) / 0.75; (0.875 + 0) / 0.875
  expect(smoothed(points(1, 3, 0), 0.5).map(({ y }) => y)).toEqual([1, (0.25 + 1.5) / 0.75, 0.875 / 0.875]);
  expect(smoothed(points(5, 5, 5), 0.9).map(({ y }) => Math.round(y * 1e12) / 1e12)).toEqual([5, 5, 5]);
});

test("a NaN stays where it is and does not spoil what comes after it", () => {
  expect(smoothed(points(1, Number.NaN, 1), 0.5).map(({ y }) => y)).toEqual([1, Number.NaN, 1]);
  expect(factsOf(points(2, Number.NaN, 1, Infinity))).toEqual({
    last: { x: 2, y: 1 },
    min: { x: 2, y: 1 },
    max: { x: 0, y: 2 },
    notFinite: 2,
  });
});

test("a long curve keeps its ends and its only peak when it is thinned", () => {
  const long = Array.from({ length: 10_000 }, (_, x) => ({ x, y: x === 4321 ? 100 : Math.sin(x) }));
  const thin = thinned(long, 100);
  expect(thin.length).toBeLessThanOrEqual(500);
  expect(thin[0]).toEqual(long[0]);
  expect(thin.at(-1)).toEqual(long.at(-1));
  expect(thin).toContainEqual({ x: 4321, y: 100 });
});

test("a sparkline goes from the lowest bar to the highest, with gaps for what is not finite", () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe("▁▂▃▄▅▆▇█");
  expect(sparkline([7, Number.NaN, 0])).toBe("█ ▁");
  expect(sparkline([3, 3])).toBe("▁▁");
});

test("a history stays bounded and keeps the shape of all that came", () => {
  const history = new History(8);
  for (let i = 0; i < 1000; i += 1) history.add(i < 500 ? 0 : 1);
  const shape = history.shape(4);
  expect(shape).toHaveLength(4);
  expect(shape[0]).toBe(0);
  expect(shape[3]).toBe(1);
  expect(history.shape(100).length).toBeLessThanOrEqual(8);
});
