import { renderPairs, renderTable } from "../../src/cli/table.js";
import { shortened } from "../../src/cli/textWidth.js";

const LONG = "encoder.layers.11.attention.self.query.weight";
const content = {
  head: ["key", "parameters"],
  rows: [
    [LONG, "1,024"],
    ["bias", "8"],
  ],
  total: ["2 keys", "1,032"],
  numeric: [1],
};

test("a table is aligned lines, numbers at the right, without a frame", async () => {
  const text = await renderTable(content, { isTTY: false, columns: 20, hasColor: false });
  expect(text.split("\n")).toEqual([
    `key${" ".repeat(LONG.length - 3)}  parameters`,
    `${LONG}       1,024`,
    `bias${" ".repeat(LONG.length - 4)}           8`,
    `2 keys${" ".repeat(LONG.length - 6)}       1,032`,
  ]);
});

test("on a terminal a long name is cut in its middle so that no line wraps", async () => {
  const text = await renderTable(content, { isTTY: true, columns: 40, hasColor: false });
  const lines = text.split("\n");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
  expect(lines[1]).toMatch(/^encoder\.layer.*….*query\.weight {2}/);
});

test("colours only dress the head and the total", async () => {
  const text = await renderTable(content, { isTTY: true, columns: 80, hasColor: true });
  expect(text).toContain("\u001b[2mkey");
  expect(text).toContain("\u001b[1m2 keys");
});

test("names with characters of two columns are cut by columns", () => {
  expect(shortened("你好你好你好", 7)).toBe("你…好");
  expect(shortened("abcdefgh", 5)).toBe("ab…gh");
  expect(shortened("short", 5)).toBe("short");
});

test("pairs stand in two columns, with a file's escapes shown", () => {
  expect(
    renderPairs([
      ["lr", "0.1"],
      ["hid\nden", "4\u001b[2J"],
    ]),
  ).toEqual(["  lr        0.1", "  hid\\nden  4\\x1b[2J"]);
});

test("a table of thousands of rows keeps its columns from the first row to the last, and is quick", async () => {
  const rows = Array.from({ length: 3000 }, (_, index) => [`key.${index}`, String(index)]);
  const started = Date.now();
  const text = await renderTable(
    { head: ["key", "n"], rows, numeric: [1] },
    { isTTY: false, columns: 80, hasColor: false },
  );
  const lines = text.split("\n");
  expect(lines.length).toBe(3001);
  expect(lines[1]).toBe("key.0        0");
  expect(lines[3000]).toBe("key.2999  2999");
  expect(Date.now() - started).toBeLessThan(5000);
});
