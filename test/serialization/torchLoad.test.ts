import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PyObject } from "../../src/pickle/values.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { classOf, describeTensor, describeValue, loadFixture, pathsOf, twinOf } from "./twin.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** Files that are refused, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  "torch/byteorder-unknown.pt": "checkpoint.malformed",
  "torch/zip-rezipped-lzma.pt": "checkpoint.unsupported",
};

/** Attributes that the class's own constructor sets: the file has only its arguments. */
const ONLY_PYTHON_KNOWS = new Set(["torch/objects-main.pt red.v[0]", "torch/objects-main.pt red.v[1]"]);

const zipFixtures = ["lightning", "torch"].flatMap((folder) =>
  readdirSync(FIXTURES + folder)
    .filter((name) => /\.(ckpt|pt|pth|bin)$/.test(name) && !name.startsWith("dcp-"))
    .map((name) => `${folder}/${name}`)
    .filter((path) => twinOf(path).container === "torch-zip"),
);
const readable = zipFixtures.filter((path) => !(path in REFUSED));

test("all the zip fixtures are here", () => {
  expect(zipFixtures.length).toBe(139);
});

test.each(readable)("%s: every dense tensor is what torch says", async (path) => {
  const { tensors } = twinOf(path);
  const paths = pathsOf((await loadFixture(path)).value);
  for (const [at, expected] of Object.entries(tensors)) {
    const value = paths.get(at);
    if (expected.sha256 === undefined || expected.layout !== undefined || expected.quantization !== undefined) {
      expect(value).toBeInstanceOf(PyObject);
      continue;
    }
    if (value instanceof PyObject) continue;
    if (!(value instanceof StoredTensor)) throw new Error(`${at} is no tensor`);
    const { dtype, shape, stride, storage_offset, sha256, storage_nbytes } = expected;
    expect({ at, ...(await describeTensor(value)) }).toEqual({
      at,
      ...{ dtype, shape, stride, storage_offset, sha256, storage_nbytes },
    });
    expect(value.requiresGrad).toBe(expected.requires_grad ?? false);
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
    const actual = await describeValue(value);
    if (actual === undefined) {
      expect(value).toBeInstanceOf(PyObject); // numpy, datetime, pathlib: shown by name, not rebuilt
      continue;
    }
    const { type, value: plain, real, imag, hex, utf16_units, nbytes, sha256 } = expected;
    const relevant = { type, value: plain, real, imag, hex, utf16_units, nbytes, sha256 };
    expect({ at, ...actual }).toEqual({ at, ...relevant });
  }
  for (const [at, expected] of Object.entries(containers ?? {})) {
    const value = paths.get(at);
    if (value === undefined) throw new Error(`${path} has nothing at ${at}`);
    if (expected.class !== undefined) expect({ at, class: classOf(value) }).toEqual({ at, class: expected.class });
  }
  for (const [at, first] of Object.entries(same_object_as ?? {})) expect(paths.get(at)).toBe(paths.get(first));
});

test.each(Object.entries(REFUSED))("%s is refused with %s", async (path, code) => {
  await expect(loadFixture(path)).rejects.toMatchObject({ code });
});
