import type { CheckpointDiff, TensorChange, TensorForm } from "../checkpoint/diffCheckpoints.js";
import { isEqual } from "../checkpoint/diffCheckpoints.js";
import type { JsonValue } from "../checkpoint/jsonValue.js";
import { jsonNumber } from "../checkpoint/jsonValue.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";

/** What `ltrain diff --json` prints. The members are public: new ones may come, these stay. */
export function diffJson(diff: CheckpointDiff, a: OpenedFile, b: OpenedFile): Readonly<Record<string, JsonValue>> {
  return {
    equal: isEqual(diff),
    a: { path: a.path, format: a.format, bytes: a.byteLength },
    b: { path: b.path, format: b.format, bytes: b.byteLength },
    values: diff.values.map((change) => ({ ...change })),
    tensors: {
      equal: diff.equal,
      changed: diff.changed.map(changeJson),
      only_a: formsJson(diff.onlyA),
      only_b: formsJson(diff.onlyB),
      renamed: diff.renamed.map((rename) => ({ ...rename })),
    },
  };
}

function changeJson({ name, renamed, a, b, values }: TensorChange): JsonValue {
  return {
    name,
    renamed_to: renamed?.to ?? null,
    dtype: { a: a.dtype, b: b.dtype },
    shape: { a: [...a.shape], b: [...b.shape] },
    elements: values?.elements ?? null,
    different: values?.different ?? null,
    max_abs: values?.maxAbs === undefined || values.maxAbs === null ? null : jsonNumber(values.maxAbs),
    max_rel: values?.maxRel === undefined || values.maxRel === null ? null : jsonNumber(values.maxRel),
    max_abs_at: values?.at === undefined || values.at === null ? null : indexOf(values.at, a.shape),
  };
}

/** A place counted in row-major order as one index for every axis. */
export function indexOf(at: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = at;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    const size = shape[axis] ?? 1;
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}

function formsJson(forms: ReadonlyMap<string, TensorForm>): JsonValue {
  return Array.from(forms, ([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] }));
}
