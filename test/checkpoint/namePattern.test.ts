import { LtrainError } from "../../src/errors.js";
import { globPattern, regexPattern } from "../../src/checkpoint/namePattern.js";

const NAMES = ["encoder.0.weight", "encoder.0.bias", "encoder.10.weight", "decoder.weight", "a{b}c", "odd[1]\n"];

const GLOBS: readonly [string, readonly string[]][] = [
  ["encoder.*", ["encoder.0.weight", "encoder.0.bias", "encoder.10.weight"]],
  ["*.weight", ["encoder.0.weight", "encoder.10.weight", "decoder.weight"]],
  ["encoder.?.weight", ["encoder.0.weight"]],
  ["encoder.[0-9].*", ["encoder.0.weight", "encoder.0.bias"]],
  ["[!e]*.weight", ["decoder.weight"]],
  ["{en,de}coder*.weight", ["encoder.0.weight", "encoder.10.weight", "decoder.weight"]],
  ["encoder.{0,1{0,1}}.weight", ["encoder.0.weight", "encoder.10.weight"]],
  ["**bias**", ["encoder.0.bias"]],
  ["encoder", []],
  ["a{b}c", []], // a brace with one alternative is that alternative: abc
  ["a[{]b[}]c", ["a{b}c"]],
  ["odd[[]1]*", ["odd[1]\n"]],
  ["encoder.0.weight{", []],
];

test.each(GLOBS)("the glob %s fits %j", (glob, expected) => {
  const pattern = globPattern(glob);
  expect(NAMES.filter((name) => pattern.test(name))).toEqual(expected);
});

test("every character that means something in a regular expression is itself in a glob", () => {
  const odd = "a.b+c^d$e(f)g|h\\i]j}k/l,m";
  expect(globPattern(odd).test(odd)).toBe(true);
  expect(globPattern("a.b").test("axb")).toBe(false);
});

test("a set that is out of order is a usage error", () => {
  expect(() => globPattern("[z-a]")).toThrow('"[z-a]" is not a glob');
});

test("a regular expression is searched for anywhere; one that is none is a usage error", () => {
  expect(NAMES.filter((name) => regexPattern("\\.\\d+\\.weight$").test(name))).toEqual([
    "encoder.0.weight",
    "encoder.10.weight",
  ]);
  expect(() => regexPattern("(")).toThrow(LtrainError);
});
