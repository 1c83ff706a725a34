import { isBareStateDict } from "../checkpoint/parseCheckpoint.js";
import type { AnyTensorAtPath, TensorAtPath } from "../checkpoint/treePaths.js";
import { allTensorsOf, partsAtPath } from "../checkpoint/treePaths.js";
import type { PyValue } from "../pickle/values.js";
import { PyObject } from "../pickle/values.js";
import type { TensorParts } from "../serialization/tensorParts.js";
import { tensorPartsOf } from "../serialization/tensorParts.js";
import { StoredTensor } from "../storage/storedTensor.js";
import type { Inspection } from "./inspection.js";

/** What a line of a list is of: a dense tensor, the parts of another one, or null for what is no tensor. */
export type Listable = StoredTensor | TensorParts | null;

/** A line of a list of tensors: a state_dict's entry under its key, anything else under its path. */
export interface ListedTensor {
  readonly name: string;
  /** null for an entry of a state_dict that is no tensor: what a module's get_extra_state returned. */
  readonly value: Listable;
}

/** Tensors for a list, and whether all its names are keys of the state_dict. */
export interface TensorList {
  readonly listed: readonly ListedTensor[];
  readonly areKeys: boolean;
}

/**
 * The tensors that a list shows: those of the whole file whose key or path fits a pattern; without patterns the
 * state_dict's, and all there are where there is none.
 */
export function listTensors(inspection: Inspection, patterns: readonly RegExp[]): TensorList {
  const { checkpoint, file } = inspection;
  const { tensors, extraState, order } = checkpoint.stateDict;
  if (patterns.length === 0 && tensors.size + (extraState?.size ?? 0) > 0) {
    const listed: ListedTensor[] = [];
    if (order === undefined) for (const [name, value] of tensors) listed.push({ name, value });
    else
      for (const name of order)
        listed.push({ name, value: tensors.get(name) ?? listable(extraState?.get(name) ?? null) });
    return { listed, areKeys: true };
  }
  const selected = selectTensors(allTensorsOf(file.root), inspection, patterns);
  const listed = selected.map(({ name, found }) => ({ name, value: "tensor" in found ? found.tensor : found.parts }));
  return { listed, areKeys: selected.length > 0 && selected.every(({ isKey }) => isKey) };
}

/** Tensors whose key or path fits a pattern, all of them without patterns, each with its key if it has one. */
export function selectTensors(
  found: readonly AnyTensorAtPath[],
  { file }: Pick<Inspection, "file">,
  patterns: readonly RegExp[],
): SelectedTensor[] {
  const isBare = isBareStateDict(file.root);
  return found
    .map((each) => {
      const key = stateDictKey(each.path, isBare);
      return { name: key ?? each.path, isKey: key !== undefined, found: each };
    })
    .filter(
      ({ name, found: { path } }) =>
        patterns.length === 0 || patterns.some((pattern) => pattern.test(name) || pattern.test(path)),
    );
}

/** A tensor of the file, with its key if it has one. */
export interface SelectedTensor {
  readonly name: string;
  readonly isKey: boolean;
  readonly found: AnyTensorAtPath;
}

/** The dense tensors of a list, those that others are put together of under names of their own. */
export function denseTensors(listed: readonly ListedTensor[]): TensorAtPath[] {
  return listed.flatMap(({ name, value }) => {
    if (value === null) return [];
    return value instanceof StoredTensor ? [{ path: name, tensor: value }] : partsAtPath(name, value);
  });
}

function listable(value: PyValue): Listable {
  if (value instanceof StoredTensor) return value;
  return value instanceof PyObject ? (tensorPartsOf(value) ?? null) : null;
}

const IN_BRACKETS = /^(state_dict)?\[("(?:[^"\\]|\\.)*")\]$/su;

/** The key that a path names when it leads to an entry of the state_dict itself. */
function stateDictKey(path: string, isBare: boolean): string | undefined {
  const match = IN_BRACKETS.exec(path);
  if (match === null) return isBare && /^[A-Za-z_][A-Za-z0-9_-]*$/.test(path) ? path : undefined;
  const [, section, quoted = ""] = match;
  if ((section === undefined) !== isBare) return undefined;
  // Half of a surrogate pair stands for itself in a path; JSON takes it so.
  return JSON.parse(quoted) as string;
}
