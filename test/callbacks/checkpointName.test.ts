import { readFileSync } from "node:fs";
import { checkpointName } from "../../src/callbacks/checkpointName.js";
import { pythonFormat } from "../../src/callbacks/pythonFormat.js";

type Row = readonly [repr: string, isInt: boolean, spec: string, text: string | null];
const rows = JSON.parse(
  readFileSync(new URL("../fixtures/callbacks/pythonFormat.json", import.meta.url), "utf8"),
) as readonly Row[];
const SPECIAL: Readonly<Record<string, number>> = { inf: Infinity, nan: NaN };

test("every format that Python knows gives Python's text, halves rounded to even", () => {
  const wrong = rows.flatMap(([repr, isInt, spec, text]) => {
    let ours: string | null;
    try {
      ours = pythonFormat(SPECIAL[repr] ?? Number(repr), spec, isInt);
    } catch {
      ours = null;
    }
    return ours === text ? [] : [`format(${repr}, "${spec}") is ${String(text)}, not ${String(ours)}`];
  });
  expect(wrong).toEqual([]);
});

const values = new Map([
  ["epoch", { value: 1, isInt: true }],
  ["epoch_test", { value: 7, isInt: true }],
  ["step", { value: 10, isInt: true }],
  ["val_loss", { value: Math.fround(0.123456), isInt: false }],
  ["val/loss", { value: 0.5, isInt: false }],
]);

// Expected names: the examples in the docstring of Lightning's format_checkpoint_name, and its rules by hand.
test.each([
  [null, true, "epoch=1-step=10"],
  ["{epoch}", true, "epoch=1"],
  ["{epoch:03d}", true, "epoch=001"],
  ["{epoch}-{val_loss:.2f}", true, "epoch=1-val_loss=0.12"],
  ["{epoch:d}", true, "epoch=1"],
  ["epoch={epoch}-validation_loss={val_loss:.2f}", false, "epoch=1-validation_loss=0.12"],
  ["{missing:d}", true, "missing=0"],
  ["{missing:.2f}", true, "missing=0.00"],
  ["{epoch}-{epoch_test}", true, "epoch=1-epoch_test=7"],
  ["best", true, "best"],
  ["last", true, "last"],
  ["e{epoch:02d}-l{val/loss:.3f}", false, "e01-l0.500"],
  ["{val_loss}", true, "val_loss=0.12345600128173828"],
  [null, false, "1-10"],
])("the template %j with names %j becomes %s", (template, insertNames, name) => {
  expect(checkpointName(template, values, insertNames)).toBe(name);
});

test("an integer format for a metric is refused with a way out", () => {
  expect(() => checkpointName("{val_loss:d}", values, true)).toThrow('format "d" is for integers');
});
