import { isBareStateDict } from "../checkpoint/parseCheckpoint.js";
import type { AnyTensorAtPath, TensorAtPath } from "../checkpoint/treePaths.js";
import { allTensorsOf, keyStep, partsAtPath } from "../checkpoint/treePaths.js";
import type { PyValue } from "../pickle/values.js";
import { PyObject } from "../pickle/values.js";
import { tensorPartsOf } from "../serialization/tensorParts.js";
import { StoredTensor } from "../storage/storedTensor.js";
import type { Inspection } from "./inspection.js";

/** A line of a list of tensors: a state_dict's entry under its key, anything else under its path. */
export interface ListedTensor {
  readonly name: string;
  /** null for an entry of a state_dict that is no tensor: what a module's get_extra_state returned. */
  readonly found: AnyTensorAtPath | null;
}

/**
 * The tensors that a list shows: those of the whole file whose key or path fits a pattern; without patterns the
 * state_dict's, and all there are where there is none.
 */
export function listTensors(inspection: Inspection, patterns: readonly RegExp[]): ListedTensor[] {
  const { checkpoint, file } = inspection;
  const { tensors, extraState, order } = checkpoint.stateDict;
  const isBare = isBareStateDict(file.root);
  if (patterns.length === 0 && tensors.size + (extraState?.size ?? 0) > 0) {
    const prefix = isBare ? "" : "state_dict";
    return (order ?? [...tensors.keys()]).map((name) => {
      const value = tensors.get(name) ?? extraState?.get(name) ?? null;
      return { name, found: tensorAt(`${prefix}${keyStep(name, isBare)}`, value) };
    });
  }
  return selectTensors(allTensorsOf(file.root), inspection, patterns);
}

/** Tensors whose key or path fits a pattern, all of them without patterns, each with its key if it has one. */
export function selectTensors(
  found: readonly AnyTensorAtPath[],
  { file }: Pick<Inspection, "file">,
  patterns: readonly RegExp[],
): (ListedTensor & { readonly found: AnyTensorAtPath })[] {
  const isBare = isBareStateDict(file.root);
  return found
    .map((each) => ({ name: stateDictKey(each.path, isBare) ?? each.path, found: each }))
    .filter(
      ({ name, found: { path } }) =>
        patterns.length === 0 || patterns.some((pattern) => pattern.test(name) || pattern.test(path)),
    );
}

/** The dense tensors of a list, those that others are put together of under names of their own. */
export function denseTensors(listed: readonly ListedTensor[]): TensorAtPath[] {
  return listed.flatMap(({ name, found }) => {
    if (found === null) return [];
    return "tensor" in found ? [{ path: name, tensor: found.tensor }] : partsAtPath(name, found.parts);
  });
}

function tensorAt(path: string, value: PyValue): AnyTensorAtPath | null {
  if (value instanceof StoredTensor) return { path, tensor: value };
  const parts = value instanceof PyObject ? tensorPartsOf(value) : undefined;
  return parts === undefined ? null : { path, parts };
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
