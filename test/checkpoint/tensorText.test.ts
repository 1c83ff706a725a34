import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PRINT_OPTIONS, tensorText } from "../../src/checkpoint/tensorText.js";
import type { TensorStats } from "../../src/checkpoint/tensorStats.js";
import { tensorStats } from "../../src/checkpoint/tensorStats.js";
import { bytesSource } from "../../src/io/byteSource.js";
import { PyDict } from "../../src/pickle/values.js";
import { torchLoad } from "../../src/serialization/torchLoad.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";

/** Made by test/fixtures/checkpoint/make.py with torch 2.13: the tensors, how torch prints them, what it computes of them. */
const FOLDER = fileURLToPath(new URL("../fixtures/checkpoint/", import.meta.url));

type TorchNumber = number | "nan" | "inf" | "-inf";
interface Facts {
  readonly text: string;
  readonly precision2: string;
  readonly edge1: string;
  readonly stats: {
    readonly [name in "count" | "zeros" | "nan" | "inf"]: number;
  } & {
    readonly min: TorchNumber | null;
    readonly max: TorchNumber | null;
    readonly mean: TorchNumber | readonly TorchNumber[];
    readonly std: TorchNumber;
    readonly l2: TorchNumber;
  };
}

const { tensors: facts } = JSON.parse(readFileSync(`${FOLDER}printed.json`, "utf8")) as {
  readonly tensors: Readonly<Record<string, Facts>>;
};
const names = Object.keys(facts);

async function tensorNamed(name: string): Promise<StoredTensor> {
  const { value } = await torchLoad(bytesSource(new Uint8Array(readFileSync(`${FOLDER}printed.pt`))));
  const tensor = value instanceof PyDict ? value.get(name) : undefined;
  if (tensor instanceof StoredTensor) return tensor;
  throw new Error(`there is no tensor ${name}`);
}

test.each(names)("%s is printed as torch prints it", async (name) => {
  const tensor = await tensorNamed(name);
  expect(await tensorText(tensor)).toBe(facts[name]?.text);
  expect(await tensorText(tensor, { ...PRINT_OPTIONS, precision: 2 })).toBe(facts[name]?.precision2);
  expect(await tensorText(tensor, { ...PRINT_OPTIONS, edgeItems: 1 })).toBe(facts[name]?.edge1);
});

test.each(names)("%s has the statistics that torch computes", async (name) => {
  const found = await tensorStats(await tensorNamed(name));
  const expected = facts[name]?.stats;
  if (found === null || expected === undefined) throw new Error("every dtype here has numbers");
  const { count, min, max, zeros, nan, inf } = found;
  expect({ count, zeros, nan, inf }).toEqual({
    count: expected.count,
    zeros: expected.zeros,
    nan: expected.nan,
    inf: expected.inf,
  });
  expect([min, max].map(spelled)).toEqual([expected.min, expected.max]);
  for (const field of ["mean", "std", "l2"] as const) expectNear(found[field], expected[field]);
});

function spelled(value: number | null): TorchNumber | null {
  if (value === null || Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/** Sums of doubles differ in their last digits with the order of adding. */
function expectNear(found: TensorStats["mean"], expected: TorchNumber | readonly TorchNumber[]): void {
  const [left, right] = [found, expected].map((each) => (Array.isArray(each) ? each : [each]) as TorchNumber[]);
  for (const [index, value] of (left ?? []).entries()) {
    const other = right?.[index];
    if (typeof other !== "number") expect(spelled(value as number)).toBe(other);
    else expect(Math.abs((value as number) - other)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(other)));
  }
}
