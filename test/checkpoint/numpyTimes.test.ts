import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describeValue } from "../../src/checkpoint/describeValue.js";
import { findValue } from "../../src/checkpoint/findValue.js";
import { jsonValue } from "../../src/checkpoint/jsonValue.js";
import { openCheckpoint } from "../../src/checkpoint/openCheckpoint.js";

const FILE = fileURLToPath(new URL("../fixtures/torch/numpy-times-dtypes", import.meta.url));
interface Twin {
  readonly values: Readonly<Record<string, { type: string; dtype: string; shape: number[]; shown: string[] }>>;
}
const { values } = JSON.parse(readFileSync(`${FILE}.json`, "utf8")) as Twin;

test("arrays of numpy's dates, durations and texts show what numpy prints of their elements, in any order of memory and bytes", async () => {
  const file = await openCheckpoint(`${FILE}.pt`);
  const arrays = Object.entries(values).filter(([, { type }]) => type === "numpy.ndarray");
  expect(arrays.map(([path]) => path)).toEqual(["days", "columns", "late", "words", "waits"]);
  for (const [path, { dtype, shape, shown }] of arrays) {
    const { value } = findValue(file.root, path);
    const few =
      shown.length > 20 ? [...shown.slice(0, 20).map((each) => `'${each}'`), "..."] : shown.map((each) => `'${each}'`);
    expect(describeValue(value)).toBe(`numpy.ndarray(${dtype} [${shape.join(", ")}], [${few.join(", ")}])`);
    expect(jsonValue(value)).toEqual({
      class: "numpy.ndarray",
      dtype,
      shape,
      ...(shown.length > 20 ? {} : { values: shown }),
    });
  }
  await file.close();
});

test("dates, durations and dtypes are one line as text and a text in JSON", async () => {
  const file = await openCheckpoint(`${FILE}.pt`);
  const shown = (path: string): unknown[] => {
    const { value } = findValue(file.root, path);
    return [describeValue(value), jsonValue(value)];
  };
  expect(shown("swapped")).toEqual(["numpy.datetime64('2024-02-29T12:30:00')", "2024-02-29T12:30:00"]);
  expect(shown('durations["15m"][1]')).toEqual(["numpy.timedelta64('15 minutes')", "15 minutes"]);
  expect(shown("nat[0]")).toEqual(["numpy.datetime64('NaT')", "NaT"]);
  expect(shown("dtypes[2]")).toEqual(["numpy.dtype('float64')", "float64"]);
  expect(shown("dtypes[14]")).toEqual(["numpy.dtype('datetime64[ns]')", "datetime64[ns]"]);
  await file.close();
});
