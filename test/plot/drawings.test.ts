import { inflateSync } from "node:zlib";
import { brailleChart } from "../../src/plot/brailleChart.js";
import { chartFigures } from "../../src/plot/figures.js";
import { htmlPage } from "../../src/plot/htmlPage.js";
import { GROUND, PALETTE } from "../../src/plot/palette.js";
import { pngDocument } from "../../src/plot/pngChart.js";
import type { Chart } from "../../src/plot/series.js";
import { svgDocument } from "../../src/plot/svgChart.js";

const line: Chart = {
  title: "loss",
  xLabel: "step",
  log: false,
  series: [{ label: "train_loss", points: Array.from({ length: 41 }, (_, x) => ({ x, y: x / 40 })), color: 0 }],
};
const evil: Chart = {
  ...line,
  title: '<script>alert("1")</script>',
  series: [{ ...(line.series[0] as Chart["series"][number]), label: `"><img src=x onerror='a'>\u0000` }],
};
const plain = (text: string): string => text;

test("a rising line rises from the left to the right in braille, between its axes", () => {
  const lines = brailleChart(line, { columns: 40, rows: 6 }, plain);
  expect(lines).toHaveLength(8); // six rows, the axis and its labels
  for (const each of lines) expect(each.length).toBeLessThanOrEqual(40);
  const first = lines.slice(0, 6).map((each) => each.search(/[\u2801-\u28ff]/));
  // The lower the row, the further to the left its first dot.
  expect(first).toEqual([...first].sort((a, b) => b - a));
  expect(lines[0]).toContain("1.0");
  expect(lines[5]).toMatch(/0(\.0)? ┤/);
  expect(lines[7]).toContain("step");
});

test("several curves have a letter at their ends, which needs no colors", () => {
  const flat = {
    label: "val_loss",
    points: [
      { x: 0, y: 0 },
      { x: 40, y: 0 },
    ],
    color: 1,
  };
  const lines = brailleChart({ ...line, series: [...line.series, flat] }, { columns: 40, rows: 6 }, plain);
  expect(lines[0]?.endsWith(" a")).toBe(true);
  expect(lines[5]?.endsWith(" b")).toBe(true);
});

test("names out of files are never markup in SVG and HTML", () => {
  for (const text of [svgDocument([evil]), htmlPage({ title: evil.title, body: chartFigures([evil]) })]) {
    expect(text).not.toContain("<script>alert");
    expect(text).not.toContain("<img");
    expect(text).not.toContain("\u0000");
  }
});

test("a page loads nothing from anywhere, and says so to the browser", () => {
  const page = htmlPage({ title: "run", body: chartFigures([line]), script: "1" });
  expect(page).toContain("default-src 'none'");
  expect(page.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|<link|@import|src=/);
});

test("a curve with a gap is drawn in two pieces, and a point alone is a dot", () => {
  const ys = [1, 2, Number.NaN, 3, Number.NaN, 2, 1];
  const chart = { ...line, series: [{ label: "x", points: ys.map((y, x) => ({ x, y })), color: 0 }] };
  const path = /class="curve s0" d="([^"]*)"/.exec(svgDocument([chart]))?.[1] ?? "";
  expect(path.match(/M/g)).toHaveLength(3);
  expect(path.match(/h0/g)).toHaveLength(1);
});

test("a PNG has its header, its checked chunks and a row for every line of the picture", () => {
  const png = Buffer.from(pngDocument([line]));
  expect(png.subarray(0, 8).toString("hex")).toBe("89504e470d0a1a0a");
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const length = png.readUInt32BE(33);
  expect(png.subarray(37, 41).toString("latin1")).toBe("IDAT");
  const rows = inflateSync(png.subarray(41, 41 + length));
  expect(rows).toHaveLength(height * (3 * width + 1));
  // The blue of the curve is somewhere in it.
  const blue = Buffer.from(PALETTE[0].light.slice(1), "hex");
  expect(rows.includes(blue)).toBe(true);
});

test.each(["light", "dark"] as const)("every color of a curve has a contrast of 3 to 1 on %s ground", (theme) => {
  const luminance = (color: string): number => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; // WCAG 2.2, relative luminance
  };
  const contrast = (a: string, b: string): number => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
  };
  for (const color of PALETTE) {
    expect(contrast(color[theme], GROUND[theme].page)).toBeGreaterThanOrEqual(3);
    expect(contrast(color[theme], GROUND[theme].panel)).toBeGreaterThanOrEqual(3);
  }
  expect(contrast(GROUND[theme].muted, GROUND[theme].page)).toBeGreaterThanOrEqual(4.5);
  expect(contrast(GROUND[theme].text, GROUND[theme].page)).toBeGreaterThanOrEqual(7);
});
