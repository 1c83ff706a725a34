import { LtrainError } from "../errors.js";
import { PyDict, PyObject, PySet, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import type { TensorParts } from "../serialization/tensorParts.js";
import { tensorPartsOf } from "../serialization/tensorParts.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { pythonRepr } from "./pythonRepr.js";

/** A dense tensor and where in the file's tree it hangs: `state_dict["encoder.0.weight"]`. */
export interface TensorAtPath {
  readonly path: string;
  readonly tensor: StoredTensor;
}

/** A tensor of a file: a dense one, or one that is put together of others (sparse, nested, uninitialized). */
export type AnyTensorAtPath = TensorAtPath | { readonly path: string; readonly parts: TensorParts };

/** One thing inside another: the step from the one to the other as paths spell it, and the thing. */
export interface Child {
  /** `state_dict`, `["encoder.0.weight"]`, `[0]`, `.lr`. */
  readonly step: string;
  readonly value: PyValue;
}

/** The path of the root itself. */
export const ROOT_PATH = "$";

/**
 * Every tensor of a tree in its order. A key of the root is bare when it is a plain name; deeper keys are in brackets,
 * strings as JSON, others as Python's repr; attributes of an object follow a dot. A container that is reached twice is
 * shown where it is reached first, so cycles end; a tensor is listed under each of its paths.
 */
export function allTensorsOf(root: PyValue): AnyTensorAtPath[] {
  const found: AnyTensorAtPath[] = [];
  walkTree(root, (value, path) => {
    if (value instanceof StoredTensor) found.push({ path, tensor: value });
    const parts = value instanceof PyObject ? tensorPartsOf(value) : undefined;
    if (parts !== undefined) found.push({ path, parts });
    return parts === undefined;
  });
  return found;
}

/** A path that is longer was made of keys that nobody can read. */
const MAX_PATH_LENGTH = 1 << 20;
/** All paths of a file together: a long key is spelled again for everything below it. A million tensors need half of this. */
const MAX_SPELLED = 1 << 28;

function tooLong(length: number): LtrainError {
  return new LtrainError(
    "checkpoint.malformed",
    length > MAX_PATH_LENGTH
      ? `a path in the file is ${length} characters long; more than ${MAX_PATH_LENGTH} are not shown`
      : `the paths in the file are more than ${MAX_SPELLED} characters long together`,
  );
}

/**
 * Show every value of a tree with its path, in order, containers before what is in them; `visit` says whether to go into
 * one. A container is entered once, so cycles end.
 */
export function walkTree(root: PyValue, visit: (value: PyValue, path: string) => boolean): void {
  const seen = new Set<object>();
  // A stack of our own: a file may nest deeper than the call stack is.
  const pending: { readonly value: PyValue; readonly path: string }[] = [{ value: root, path: "" }];
  let spelled = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, path } = next;
    spelled += path.length;
    if (path.length > MAX_PATH_LENGTH || spelled > MAX_SPELLED) throw tooLong(path.length);
    if (typeof value === "object" && value !== null && seen.has(value)) continue;
    if (!visit(value, path === "" ? ROOT_PATH : path) || !isContainer(value)) continue;
    seen.add(value);
    const children = childrenOf(value, path === "");
    for (let index = children.length - 1; index >= 0; index -= 1) {
      const child = children[index];
      if (child !== undefined) pending.push({ value: child.value, path: path + child.step });
    }
  }
}

function isContainer(value: PyValue): value is PyValue[] | PyTuple | PyDict | PySet | PyObject {
  return (
    Array.isArray(value) ||
    value instanceof PyTuple ||
    value instanceof PyDict ||
    value instanceof PySet ||
    value instanceof PyObject
  );
}

/** The dense tensors of a tree; those that others are put together of are under a name of their own: `adj.indices`. */
export function tensorsOf(root: PyValue): TensorAtPath[] {
  return allTensorsOf(root).flatMap((each) => ("tensor" in each ? [each] : partsAtPath(each.path, each.parts)));
}

/** The dense tensors that one tensor is put together of. */
export function partsAtPath(path: string, { parts }: TensorParts): TensorAtPath[] {
  return [...parts].map(([name, tensor]) => ({ path: `${path}.${name}`, tensor }));
}

/** What lies directly in a value, each with the step that leads to it; `isRoot` makes plain names bare. */
export function childrenOf(value: PyValue, isRoot = false): Child[] {
  if (Array.isArray(value)) return indexed(value);
  if (value instanceof PyTuple || value instanceof PySet) return indexed(value.items);
  if (value instanceof PyDict) return [...entriesOf(value, isRoot), ...attributesOf(value.attributes)];
  if (value instanceof PyObject) {
    return [
      ...(value.args instanceof PyTuple ? indexed(argsOf(value, value.args)) : []),
      ...indexed(value.listItems),
      ...entriesOf(value.dictItems, isRoot),
      ...attributesOf(value.kwargs),
      ...stateOf(value.state),
    ];
  }
  return [];
}

/** torch.Size((2, 3)) is called with one tuple, and is that tuple. */
function argsOf(value: PyObject, { items }: PyTuple): readonly PyValue[] {
  const [only] = items;
  return value.className === "torch.Size" && only instanceof PyTuple ? only.items : items;
}

/** Attributes of an object: a dict, or (a dict or None, a dict of slots); anything else is for the class alone to know. */
function stateOf(state: PyValue | undefined): Child[] {
  if (state === undefined) return [];
  const parts = state instanceof PyTuple && state.items.length === 2 ? state.items : [state];
  const areAttributes = parts.every((part) => part === null || part instanceof PyDict);
  if (!areAttributes) return [{ step: ".state", value: state }];
  return parts.flatMap((part) => (part instanceof PyDict ? attributesOf(part) : []));
}

function indexed(items: readonly PyValue[]): Child[] {
  return items.map((value, index) => ({ step: `[${index}]`, value }));
}

function entriesOf(dict: PyDict, isRoot: boolean): Child[] {
  return Array.from(dict, ([key, value]) => ({ step: keyStep(key, isRoot), value }));
}

function attributesOf(attributes: PyDict | undefined): Child[] {
  return Array.from(attributes ?? [], ([key, value]) => ({
    step: `.${typeof key === "string" ? key : pythonRepr(key)}`,
    value,
  }));
}

/** How a path spells one key of a dict. */
export function keyStep(key: PyValue, isRoot: boolean): string {
  if (typeof key !== "string") return `[${pythonRepr(key)}]`;
  return isRoot && /^[A-Za-z_][A-Za-z0-9_-]*$/.test(key) ? key : `["${jsonEscaped(key)}"]`;
}

/** As in JSON, but that half of a surrogate pair stays itself, as Python's json leaves it. */
function jsonEscaped(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return text;
  const parts = text.split(/(\p{Surrogate})/u);
  return parts.map((part, index) => (index % 2 === 1 ? part : JSON.stringify(part).slice(1, -1))).join("");
}

// eslint-disable-next-line no-control-regex -- the very characters that JSON escapes
const NEEDS_ESCAPE = /["\\\u0000-\u001f]|\p{Surrogate}/u;
