import { readFileSync } from "node:fs";
import { PyFloat, PyTuple } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { yamlText } from "../../src/loggers/yamlText.js";

interface Case {
  readonly values: unknown;
  readonly yaml: string;
}
const truth = JSON.parse(readFileSync(new URL("../fixtures/loggers/csvLogger.json", import.meta.url), "utf8")) as {
  readonly hparams: Record<string, Case>;
};

const PYTHON_FLOATS: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN };

/** The fixture's tags become the values that JavaScript needs a class for. */
function untagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untagged);
  if (typeof value === "number" && !Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value !== "object" || value === null) return value;
  const tags = value as { $float?: string; $tuple?: unknown[] };
  if (tags.$float !== undefined) return new PyFloat(PYTHON_FLOATS[tags.$float] ?? Number(tags.$float));
  if (tags.$tuple !== undefined) return new PyTuple(tags.$tuple.map(untagged) as PyValue[]);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, untagged(item)]));
}

test.each(Object.keys(truth.hparams))("hparams.yaml of %s is what PyYAML writes", (name) => {
  const { values, yaml } = truth.hparams[name] ?? { values: null, yaml: "" };
  expect(yamlText(untagged(values))).toBe(yaml);
});

test("a value that YAML cannot carry is refused with its path", () => {
  expect(() => yamlText({ model: { act: () => 1 } })).toThrow(
    "hparams.model.act: function has no place in a YAML file",
  );
});

test("a number beyond the exact integers is written as the float it is", () => {
  expect(yamlText({ big: 1e22, small: 5 })).toBe("big: 1.0e+22\nsmall: 5\n");
});
