import type { DType } from "../storage/dtype.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import type { PyValue } from "../pickle/values.js";
import type { Renamed } from "./diffNames.js";
import { findRenamed } from "./diffNames.js";
import type { Tolerance, ValueDifference } from "./diffTensors.js";
import { diffValues } from "./diffTensors.js";
import type { SplitTree, ValueChange } from "./diffTrees.js";
import { diffTreeValues, splitTree } from "./diffTrees.js";

/** A tensor's outside. */
export interface TensorForm {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** A tensor that both files have and that is not the same in both. */
export interface TensorChange {
  /** Its key in the state_dict, or its path elsewhere. */
  readonly name: string;
  /** What the second file calls it, where that is another name. */
  readonly renamed: Renamed | null;
  readonly a: TensorForm;
  readonly b: TensorForm;
  /** null where the shapes differ, or values were not looked at. */
  readonly values: ValueDifference | null;
}

/** Everything that differs between two files. */
export interface CheckpointDiff {
  readonly values: readonly ValueChange[];
  /** The biggest difference first. */
  readonly changed: readonly TensorChange[];
  readonly onlyA: ReadonlyMap<string, TensorForm>;
  readonly onlyB: ReadonlyMap<string, TensorForm>;
  /** All that were renamed, changed or not. */
  readonly renamed: readonly Renamed[];
  /** Tensors that are the same in both, name and all. */
  readonly equal: number;
  /** Parts of a checkpoint, `loops`, `optimizer_states`, of which the other file has nothing. */
  readonly sections: ReadonlySet<string>;
}

/** How two files are compared. */
export interface DiffOptions {
  readonly tolerance: Tolerance;
  /** Names, dtypes and shapes alone: no tensor is read. */
  readonly keysOnly: boolean;
  /** The state_dicts alone. */
  readonly weightsOnly: boolean;
  readonly heard: (bytes: number) => void;
}

/** Compare two trees: values by their paths, tensors by their names, renamed ones by content and then by shape. */
export async function diffCheckpoints(a: PyValue, b: PyValue, options: DiffOptions): Promise<CheckpointDiff> {
  const [left, right] = [splitTree(a), splitTree(b)];
  const weights = await diffTensorMaps(left.weights, right.weights, options, true);
  const others = options.weightsOnly ? NOTHING : await diffTensorMaps(left.others, right.others, options, false);
  return {
    values: options.weightsOnly ? [] : diffTreeValues(left.values, right.values, options.tolerance),
    changed: [...weights.changed, ...others.changed].sort((x, y) => rank(y) - rank(x)),
    onlyA: new Map([...weights.onlyA, ...others.onlyA]),
    onlyB: new Map([...weights.onlyB, ...others.onlyB]),
    renamed: weights.renamed,
    equal: weights.equal + others.equal,
    sections: oneSided(sectionsOf(left), sectionsOf(right)),
  };
}

/** The part of a checkpoint that a path lies in: `loops` of `loops["fit_loop"]`. */
export function sectionOf(path: string): string {
  return /^[^[.]+/.exec(path)?.[0] ?? path;
}

function sectionsOf({ values, others }: SplitTree): Set<string> {
  return new Set([...values.keys(), ...others.keys()].map(sectionOf));
}

function oneSided(a: ReadonlySet<string>, b: ReadonlySet<string>): Set<string> {
  return new Set([...a, ...b].filter((section) => !(a.has(section) && b.has(section))));
}

/** Whether two files are the same. */
export function isEqual({ values, changed, onlyA, onlyB, renamed }: CheckpointDiff): boolean {
  return values.length + changed.length + onlyA.size + onlyB.size + renamed.length === 0;
}

type TensorsDiff = Omit<CheckpointDiff, "values" | "sections">;

const NOTHING: TensorsDiff = { changed: [], onlyA: new Map(), onlyB: new Map(), renamed: [], equal: 0 };

async function diffTensorMaps(
  a: ReadonlyMap<string, StoredTensor>,
  b: ReadonlyMap<string, StoredTensor>,
  options: DiffOptions,
  mayBeRenamed: boolean,
): Promise<TensorsDiff> {
  const onlyA = new Map([...a].filter(([name]) => !b.has(name)));
  const onlyB = new Map([...b].filter(([name]) => !a.has(name)));
  const renamed = mayBeRenamed && !options.keysOnly ? await findRenamed(onlyA, onlyB, options.heard) : [];
  const changed: TensorChange[] = [];
  let equal = 0;
  for (const [name, tensor] of a) {
    const other = b.get(name);
    if (other === undefined) continue;
    const difference = await diffTensor(name, tensor, other, options, null);
    if (difference === undefined) equal += 1;
    else changed.push(difference);
  }
  for (const rename of renamed) {
    const [tensor, other] = [onlyA.get(rename.from), onlyB.get(rename.to)];
    onlyA.delete(rename.from);
    onlyB.delete(rename.to);
    if (rename.by === "content" || tensor === undefined || other === undefined) continue;
    const difference = await diffTensor(rename.from, tensor, other, options, rename);
    if (difference !== undefined) changed.push(difference);
  }
  return { changed, onlyA: forms(onlyA), onlyB: forms(onlyB), renamed, equal };
}

async function diffTensor(
  name: string,
  a: StoredTensor,
  b: StoredTensor,
  options: DiffOptions,
  renamed: Renamed | null,
): Promise<TensorChange | undefined> {
  const change = { name, renamed, a: formOf(a), b: formOf(b) };
  const sameShape = a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis]);
  if (!sameShape || options.keysOnly) {
    return sameShape && a.dtype === b.dtype ? undefined : { ...change, values: null };
  }
  const values = await diffValues(a, b, options.tolerance, options.heard);
  return values.different === 0 && a.dtype === b.dtype ? undefined : { ...change, values };
}

function formOf({ dtype, shape }: StoredTensor): TensorForm {
  return { dtype, shape };
}

function forms(tensors: ReadonlyMap<string, StoredTensor>): Map<string, TensorForm> {
  return new Map(Array.from(tensors, ([name, tensor]) => [name, formOf(tensor)]));
}

/** Another shape is the biggest difference there is, then NaNs, then numbers by their distance. */
function rank({ values }: TensorChange): number {
  if (values === null) return Number.MAX_VALUE;
  if (values.maxAbs === null) return 0;
  return Number.isNaN(values.maxAbs) || values.maxAbs === Infinity ? Number.MAX_VALUE / 2 : values.maxAbs;
}
