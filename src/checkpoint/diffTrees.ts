import { asNumber } from "../pickle/convert.js";
import { PyDict, PyFloat, PyGlobal, PyObject, PySet, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { knownValueOf } from "../serialization/knownValue.js";
import { tensorPartsOf } from "../serialization/tensorParts.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { CHECKPOINT_KEYS } from "./checkpoint.js";
import { describeValue } from "./describeValue.js";
import type { Tolerance } from "./diffTensors.js";
import { isClose } from "./diffTensors.js";
import { isFlat } from "./namedTensors.js";
import { tensorsOf, walkTree } from "./treePaths.js";

/** One value that is not the same in both files, as Python prints it; null on the side that does not have it. */
export interface ValueChange {
  readonly path: string;
  readonly a: string | null;
  readonly b: string | null;
}

/** A file's tree in two parts: the weights by their names, and everything beside them. */
export interface SplitTree {
  readonly weights: ReadonlyMap<string, StoredTensor>;
  /** Tensors of optimizers and callbacks, by their paths. */
  readonly others: ReadonlyMap<string, StoredTensor>;
  /** Everything that is no tensor, by its path. */
  readonly values: ReadonlyMap<string, PyValue>;
}

/** Take a tree apart. A file that is a state_dict by itself has weights and nothing else. */
export function splitTree(root: PyValue): SplitTree {
  const stateDict = root instanceof PyDict ? root.get(CHECKPOINT_KEYS.stateDict) : undefined;
  const weights = stateDict instanceof PyDict ? stateDict : isFlat(root) ? root : undefined;
  const rest = weights === root ? null : root instanceof PyDict ? without(root, CHECKPOINT_KEYS.stateDict) : root;
  return {
    weights: weights === undefined ? new Map() : weightsOf(weights),
    others: new Map(tensorsOf(rest).map(({ path, tensor }) => [path, tensor])),
    values: new Map([...extraValues(weights), ...leavesOf(rest)]),
  };
}

function without(dict: PyDict, key: string): PyDict {
  return new PyDict([...dict].filter(([each]) => each !== key));
}

function weightsOf(dict: PyDict): Map<string, StoredTensor> {
  const weights = new Map<string, StoredTensor>();
  for (const [key, value] of dict) {
    const name = typeof key === "string" ? key : describeValue(key);
    if (value instanceof StoredTensor) weights.set(name, value);
    else for (const { path, tensor } of tensorsOf(value)) weights.set(name + path.replace(/^\$/, ""), tensor);
  }
  return weights;
}

/** What modules keep in a state_dict beside tensors. */
function extraValues(dict: PyDict | undefined): [string, PyValue][] {
  return [...(dict ?? [])].flatMap(([key, value]) =>
    value instanceof StoredTensor
      ? []
      : Array.from(leavesOf(value), ([path, leaf]): [string, PyValue] => {
          return [`state_dict[${JSON.stringify(key)}]${path.replace(/^\$/, "")}`, leaf];
        }),
  );
}

/** Every value that holds no other, by its path; an empty container is one. */
function leavesOf(root: PyValue): Map<string, PyValue> {
  const leaves = new Map<string, PyValue>();
  if (root === null) return leaves;
  walkTree(root, (value, path) => {
    if (value instanceof StoredTensor) return false;
    if (value instanceof PyObject && tensorPartsOf(value) !== undefined) return false;
    const isWhole = value instanceof PyObject && knownValueOf(value) !== undefined;
    if (value instanceof PyObject && !isWhole) leaves.set(`${path}.__class__`, value.className);
    else if (isWhole || !isFilled(value)) leaves.set(path, value);
    return !isWhole;
  });
  return leaves;
}

function isFilled(value: PyValue): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof PyTuple) return value.items.length > 0;
  return (value instanceof PyDict || value instanceof PySet) && value.size > 0;
}

/** What differs between two files beside their tensors, in the order of the first. */
export function diffTreeValues(a: SplitTree["values"], b: SplitTree["values"], tolerance: Tolerance): ValueChange[] {
  const changes: ValueChange[] = [];
  for (const [path, value] of a) {
    const other = b.get(path);
    if (other === undefined) changes.push({ path, a: textOf(value), b: null });
    else if (!isSame(value, other, tolerance)) changes.push(change(path, value, other));
  }
  for (const [path, value] of b) if (!a.has(path)) changes.push({ path, a: null, b: textOf(value) });
  return changes;
}

function change(path: string, a: PyValue, b: PyValue): ValueChange {
  return { path, a: textOf(a), b: textOf(b) };
}

/** A longer text says no more; fifty thousand references to one would be a long answer. */
const MAX_TEXT = 1000;

function textOf(value: PyValue): string {
  const isLong = typeof value === "string" && value.length > MAX_TEXT;
  return describeValue(isLong ? `${value.slice(0, MAX_TEXT)}...` : value);
}

function isSame(a: PyValue, b: PyValue, tolerance: Tolerance): boolean {
  if (a === b) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (a instanceof PyFloat && b instanceof PyFloat) return isClose(a.value, b.value, tolerance);
  if (typeof a === "number" && typeof b === "number") return isClose(a, b, tolerance);
  // An int and a float are two things in Python, and one when a tolerance is given.
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== undefined && y !== undefined && tolerance.rtol + tolerance.atol > 0) return isClose(x, y, tolerance);
  if (a instanceof PyGlobal && b instanceof PyGlobal) return a.toString() === b.toString();
  if (typeof a === "string" || typeof b === "string") return false;
  return describeValue(a) === describeValue(b);
}
