import { jsonText, printable, printableLines } from "../../src/cli/printable.js";

test("escape sequences, line ends and direction marks in a file's strings are shown, not obeyed", () => {
  expect(printable("a\u001b[31mred\u0007\u009b2Jb")).toBe("a\\x1b[31mred\\x07\\x9b2Jb");
  expect(printable("two\nlines\r\ttab")).toBe("two\\nlines\\r\\ttab");
  expect(printable("user\u202etxt.exe\u2028")).toBe("user\\u202etxt.exe\\u2028");
  expect(printable("half \ud800 of a pair")).toBe("half \\ud800 of a pair");
});

test("what only looks unusual stays as it is", () => {
  expect(printable("nÿ 你好 🎉 e\u0301")).toBe("nÿ 你好 🎉 e\u0301");
});

test("our own line ends survive in a message of several lines", () => {
  expect(printableLines("one\ntwo\u001b[2J")).toBe("one\ntwo\\x1b[2J");
});

test("JSON stays JSON with the same strings, and harmless", () => {
  const value = { "k\u009b": "x\u202e\n\u007f" };
  const text = jsonText(value, 2);
  expect(text).toBe('{\n  "k\\u009b": "x\\u202e\\n\\u007f"\n}');
  expect(JSON.parse(text)).toEqual(value);
});
