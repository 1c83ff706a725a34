import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isOlder, migrateCheckpoint } from "../../src/checkpoint/migrateCheckpoint.js";
import { openCheckpoint } from "../../src/checkpoint/openCheckpoint.js";
import { parseCheckpoint } from "../../src/checkpoint/parseCheckpoint.js";
import { summarizeCheckpoint } from "../../src/checkpoint/summarizeCheckpoint.js";
import { float } from "../../src/pickle/convert.js";
import { pythonFloat } from "../../src/pickle/pythonFloat.js";
import { PyDict, PyFloat, PyGlobal } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { decodeNumbers } from "../../src/storage/decode.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** What Lightning 2.6.6 makes of a file: its keys in order, and loops and callbacks with dicts as lists of pairs. */
interface Migrated {
  readonly keys: readonly string[];
  readonly loops: unknown;
  readonly callbacks: unknown;
}

const migrated = JSON.parse(readFileSync(`${FIXTURES}checkpoint/migrations.json`, "utf8")) as Record<string, Migrated>;

/** A value as make-migrations.py writes it. */
async function plain(value: PyValue | undefined): Promise<unknown> {
  if (value instanceof PyDict) {
    const pairs = [...value].map(async ([key, item]) => [
      key instanceof PyGlobal ? key.toString() : key,
      await plain(item),
    ]);
    return Promise.all(pairs);
  }
  if (value instanceof StoredTensor) {
    const [number] = decodeNumbers((await readTensor(value)).bytes, value.dtype);
    return { tensor: pythonFloat(number ?? Number.NaN) };
  }
  if (value instanceof PyFloat) return value.value;
  return value ?? null;
}

test.each(Object.entries(migrated))(
  "%s: loops and callbacks become what Lightning's own migration makes",
  async (name, expected) => {
    const { root, close } = await openCheckpoint(`${FIXTURES}lightning/${name}.ckpt`);
    try {
      if (!(root instanceof PyDict)) throw new Error("the root is a dict");
      const before = await plain(root.get("loops"));
      const result = migrateCheckpoint(root);
      expect(await plain(result.get("loops"))).toEqual(expected.loops);
      expect(await plain(result.get("callbacks"))).toEqual(expected.callbacks);
      // Lightning notes the file's version under another key; here it stays where it was.
      const keys = expected.keys.filter((key) => root.has("legacy_" + key) || !key.startsWith("legacy_"));
      expect(result.keys().filter((key) => typeof key !== "string" || !key.startsWith("legacy_"))).toEqual(keys);
      expect(await plain(root.get("loops"))).toEqual(before); // the file's own tree is left alone
    } finally {
      await close();
    }
  },
);

test("an old file resumes where it was: its two numbers become the counters of the loops", () => {
  const root = PyDict.from({
    epoch: 3,
    global_step: 120,
    "pytorch-lightning_version": "1.4.9",
    state_dict: new PyDict(),
  });
  const { loops } = parseCheckpoint(root);
  const fitLoop = loops?.get("fit_loop");
  if (!(fitLoop instanceof PyDict)) throw new Error("there is a fit_loop");
  expect(fitLoop.get("epoch_loop.state_dict")).toMatchObject({});
  const steps = fitLoop.get("epoch_loop.automatic_optimization.optim_progress");
  const at = (value: PyValue | undefined, ...path: readonly string[]): PyValue | undefined =>
    path.reduce<PyValue | undefined>((found, key) => (found instanceof PyDict ? found.get(key) : undefined), value);
  expect(at(steps, "optimizer", "step", "total", "completed")).toBe(120);
  expect(at(fitLoop.get("epoch_progress"), "current", "completed")).toBe(3);
});

test("a file without a version, and one from a newer Lightning, is taken as it is", () => {
  for (const version of [null, "9.9.9", "2.0.0"]) {
    const root = PyDict.from({ epoch: 1, hparams: PyDict.from({ lr: float(0.1) }) });
    if (version !== null) root.set("pytorch-lightning_version", version);
    expect(migrateCheckpoint(root)).toBe(root);
  }
});

test("two ModelCheckpoints whose keys would become one keep them, as in Lightning", () => {
  const key = (setting: string): string =>
    `ModelCheckpoint{'monitor': None, 'mode': 'min', 'save_on_train_epoch_end': ${setting}}`;
  const callbacks = new PyDict([
    [key("None"), new PyDict()],
    [key("True"), new PyDict()],
  ]);
  const root = PyDict.from({ "pytorch-lightning_version": "1.8.0", callbacks });
  expect(migrateCheckpoint(root).get("callbacks")).toMatchObject({ size: 2 });
  const result = migrateCheckpoint(root).get("callbacks");
  expect(result instanceof PyDict && result.keys()).toEqual([key("None"), key("True")]);
});

test.each([
  ["1.5.10", "1.6.0", true],
  ["1.6.0", "1.6.0", false],
  ["1.6.0rc1", "1.6.0", true],
  ["1.6.0.post1", "1.6.0", false],
  ["1.10.0", "1.9.0", false],
  ["2.0.0dev", "2.0.0", true],
])("%s before %s: %s, as Python's packaging orders versions", (a, b, expected) => {
  expect(isOlder(a, b)).toBe(expected);
});

test("what a file of 0.9 says of its callbacks and its place in the run is shown", async () => {
  const { root, close } = await openCheckpoint(`${FIXTURES}lightning/old-v0.9.ckpt`);
  try {
    const { callbacks, loops } = await summarizeCheckpoint(parseCheckpoint(root));
    // The fixture's description and twin: two epochs are done, the best score is 0.25.
    expect(callbacks?.map(({ name }) => name)).toEqual(["ModelCheckpoint", "EarlyStopping"]);
    expect(callbacks?.[0]).toMatchObject({ bestScore: 0.25, bestPath: "/x/epoch=1.ckpt" });
    expect(loops).toMatchObject({ epochsReady: 2, epochsProcessed: 2, epochsCompleted: 2, optimizerSteps: 8 });
  } finally {
    await close();
  }
});
