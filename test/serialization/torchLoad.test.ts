import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PyObject, PyTuple } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { nestedRows } from "../../src/serialization/nestedTensor.js";
import { tensorPartsOf } from "../../src/serialization/tensorParts.js";
import { decodeNumbers } from "../../src/storage/decode.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { classOf, describeTensor, describeValue, loadFixture, pathsOf, twinOf } from "./twin.js";
import type { TwinTensor, TwinValue } from "./twin.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** Files that are refused, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  "torch/byteorder-unknown.pt": "checkpoint.malformed",
  "torch/zip-leading-garbage.pt": "checkpoint.notACheckpoint",
  "torch/zip-rezipped-lzma.pt": "checkpoint.unsupported",
};

/** Attributes that the class's own constructor sets: the file has only its arguments. */
const ONLY_PYTHON_KNOWS = new Set(["torch/objects-main.pt red.v[0]", "torch/objects-main.pt red.v[1]"]);

/** "other" is what the corpus calls a file that is too short, or has too much in front, for its own detection. */
const TORCH_CONTAINERS = new Set(["torch-zip", "torch-legacy", "torchscript-zip", "other"]);

const torchFixtures = ["lightning", "torch"].flatMap((folder) =>
  readdirSync(FIXTURES + folder)
    .filter((name) => /\.(ckpt|pt|pth|bin)$/.test(name) && !name.startsWith("dcp-"))
    .map((name) => `${folder}/${name}`)
    .filter((path) => TORCH_CONTAINERS.has(twinOf(path).container)),
);
const readable = torchFixtures.filter((path) => !(path in REFUSED));

test("all the torch fixtures are here", () => {
  expect(torchFixtures.length).toBe(156);
});

/** A dense tensor has the layout, the bytes and the quantizer that its twin says. */
async function expectTensor(at: string, value: PyValue | undefined, expected: TwinTensor): Promise<void> {
  if (!(value instanceof StoredTensor)) throw new Error(`${at} is no tensor`);
  const { dtype, shape, stride, storage_offset, sha256, storage_nbytes } = expected;
  expect({ at, ...(await describeTensor(value)) }).toEqual({
    at,
    ...{ dtype, shape, stride, storage_offset, sha256, storage_nbytes },
  });
  expect(value.requiresGrad).toBe(expected.requires_grad ?? false);
  expect(value.conjugate).toBe(expected.is_conj ?? false);
  expect(await describeQuantizer(value)).toEqual(expected.quantization);
}

async function describeQuantizer({ quantizer }: StoredTensor): Promise<TwinTensor["quantization"]> {
  if (quantizer === undefined) return undefined;
  const { scheme: qscheme } = quantizer;
  if (quantizer.scheme === "per_tensor_affine") {
    return { qscheme, scale: quantizer.scale, zero_point: quantizer.zeroPoint };
  }
  const [scales, zero_points] = await Promise.all(
    [quantizer.scales, quantizer.zeroPoints].map(async (tensor) => {
      return [...decodeNumbers((await readTensor(tensor)).bytes, tensor.dtype)];
    }),
  );
  if (scales === undefined || zero_points === undefined) throw new Error("two tensors were asked for");
  return { qscheme, axis: quantizer.axis, scales, zero_points };
}

/** A tensor of other tensors has the parts that its twin says; the rows of a nested one are its parts there. */
async function expectParts(at: string, value: PyValue | undefined, expected: TwinTensor): Promise<void> {
  const tensor = value instanceof PyObject ? tensorPartsOf(value) : undefined;
  if (tensor === undefined) throw new Error(`${at} is no tensor of parts`);
  const rows = await nestedRows(tensor, at);
  const parts = rows === undefined ? tensor.parts : new Map(rows.map((row, index) => [String(index), row]));
  if (expected.uninitialized === true) {
    expect(tensor).toMatchObject({ layout: "uninitialized", className: expected.class });
    return;
  }
  const { dtype, layout, shape = null, is_coalesced = null } = expected;
  expect(tensor).toMatchObject({ dtype, layout, shape, isCoalesced: is_coalesced });
  expect([...parts.keys()]).toEqual(Object.keys(expected.parts ?? {}));
  for (const [name, part] of Object.entries(expected.parts ?? {})) await expectTensor(name, parts.get(name), part);
}

test.each(readable)("%s: every tensor is what torch says", async (path) => {
  const { tensors } = twinOf(path);
  const paths = pathsOf((await loadFixture(path)).value);
  for (const [at, expected] of Object.entries(tensors)) {
    if (expected.sha256 === undefined) await expectParts(at, paths.get(at), expected);
    else await expectTensor(at, paths.get(at), expected);
  }
});

test.each(readable)("%s: tensors share memory exactly where torch says", async (path) => {
  const { tensors } = twinOf(path);
  const paths = pathsOf((await loadFixture(path)).value);
  const byNumber = new Map<number, unknown>();
  for (const [at, { storage }] of Object.entries(tensors)) {
    const value = paths.get(at);
    if (storage === undefined || !(value instanceof StoredTensor)) continue;
    if (!byNumber.has(storage)) {
      expect([...byNumber.values()]).not.toContain(value.storage);
      byNumber.set(storage, value.storage);
    }
    expect(value.storage).toBe(byNumber.get(storage));
  }
});

test.each(readable)("%s: every plain value has the type and the value that Python says", async (path) => {
  const { values, containers, same_object_as } = twinOf(path);
  const paths = pathsOf((await loadFixture(path)).value);
  for (const [at, expected] of Object.entries(values)) {
    if (ONLY_PYTHON_KNOWS.has(`${path} ${at}`)) continue;
    const value = paths.get(at);
    if (value === undefined) throw new Error(`${path} has nothing at ${at}`);
    if (expected.type === "enum") {
      expectEnum(value, expected);
      continue;
    }
    const actual = await describeValue(value);
    const { type, value: plain, real, imag, hex, utf16_units, nbytes, sha256, dtype, shape, fortran } = expected;
    const relevant = { type, value: plain, real, imag, hex, utf16_units, nbytes, sha256, dtype, shape, fortran };
    expect({ at, ...actual }).toEqual({ at, ...relevant });
  }
  for (const [at, expected] of Object.entries(containers ?? {})) {
    const value = paths.get(at);
    if (value === undefined) throw new Error(`${path} has nothing at ${at}`);
    if (expected.class !== undefined) expect({ at, class: classOf(value) }).toEqual({ at, class: expected.class });
  }
  for (const [at, first] of Object.entries(same_object_as ?? {})) expect(paths.get(at)).toBe(paths.get(first));
});

/** A member of a class that is not known: the class is called with the value, and the member's name is not in the file. */
function expectEnum(value: PyValue, expected: TwinValue): void {
  if (!(value instanceof PyObject) || !(value.args instanceof PyTuple)) throw new Error("an enum is a call");
  expect(value.className).toBe(expected.class);
  expect(value.args.items).toEqual([(expected.value as TwinValue).value]);
}

test.each(Object.entries(REFUSED))("%s is refused with %s", async (path, code) => {
  await expect(loadFixture(path)).rejects.toMatchObject({ code });
});
