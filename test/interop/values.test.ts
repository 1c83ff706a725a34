import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "../../src/checkpoint/openCheckpoint.js";
import { PyDict, PyObject } from "../../src/pickle/values.js";
import type { PyValue } from "../../src/pickle/values.js";
import { knownValueOf } from "../../src/serialization/knownValue.js";
import { tensorPartsOf } from "../../src/serialization/tensorParts.js";
import { readTensor } from "../../src/storage/strided.js";
import { peerTest, PYTHON } from "./peer.js";
import { inTemporaryFolder } from "./runs.js";

const SCRIPT = fileURLToPath(new URL("values.py", import.meta.url));

interface Answer {
  readonly values: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly parts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What each entry of a file's dict becomes. */
async function entriesOf(path: string, describe: (value: PyObject) => unknown): Promise<Record<string, unknown>> {
  const { root, close } = await openCheckpoint(path);
  try {
    if (!(root instanceof PyDict)) throw new Error("the root is a dict");
    const described = [...root].map(async ([key, value]: readonly [PyValue, PyValue]) => {
      if (typeof key !== "string" || !(value instanceof PyObject)) throw new Error(`${path} holds objects by name`);
      return [key, await describe(value)] as const;
    });
    return Object.fromEntries(await Promise.all(described));
  } finally {
    await close();
  }
}

async function partsOf(value: PyObject): Promise<unknown> {
  const tensor = tensorPartsOf(value);
  if (tensor === undefined) return undefined;
  const parts: Record<string, string> = {};
  for (const [name, part] of tensor.parts) {
    const { bytes } = await readTensor(part);
    parts[name] = createHash("sha256").update(bytes).digest("hex");
  }
  const { layout, dtype, shape } = tensor;
  return { layout, dtype, shape, parts };
}

peerTest(
  "paths, dates, numbers of numpy and of Python's library, devices and tensors of parts are what Python says, in every protocol",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const answer = JSON.parse(execFileSync(PYTHON, [SCRIPT, folder], { encoding: "utf8" })) as Answer;
      for (const [name, values] of Object.entries(answer.values)) {
        expect({ name, values: await entriesOf(`${folder}/${name}`, knownValueOf) }).toEqual({ name, values });
      }
      for (const [name, parts] of Object.entries(answer.parts)) {
        expect({ name, parts: await entriesOf(`${folder}/${name}`, partsOf) }).toEqual({ name, parts });
      }
    });
  },
);
