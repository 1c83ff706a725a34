import { LtrainError } from "../errors.js";
import { keyText } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import type { Checkpoint, StateDict } from "./checkpoint.js";
import { findValue } from "./findValue.js";
import { isFlat, namedTensors } from "./namedTensors.js";
import { parseCheckpoint } from "./parseCheckpoint.js";

/** The part of a file that tensors are taken from. */
export interface StatePart {
  readonly stateDict: StateDict;
  /** The value that the key led to; absent for the state_dict itself. */
  readonly value?: PyValue;
  readonly checkpoint: Checkpoint | undefined;
}

/** The state_dict of a file, or the tensors under another key of it; that there are none is key.missing. */
export function statePartOf(
  { root, path: file }: { readonly root: PyValue; readonly path: string },
  key?: string,
): StatePart {
  const checkpoint = root instanceof PyDict ? parseCheckpoint(root, file) : undefined;
  if (key === undefined) {
    const stateDict = checkpoint?.stateDict;
    if (stateDict !== undefined && (stateDict.order?.length ?? stateDict.tensors.size) > 0) {
      return { stateDict, checkpoint };
    }
    throw noStateDict(root);
  }
  const { value, path } = findValue(root, key);
  const name = /(?:\["?|\.)([^[\].]+?)"?\]?$/u.exec(path)?.[1] ?? path;
  const stateDict = namedTensors(value, name);
  if (stateDict.tensors.size > 0) return { stateDict, value, checkpoint };
  throw new LtrainError("key.missing", `there are no tensors in ${path}`, {
    hint: "`ltrain inspect --tree` shows where they are",
  });
}

function noStateDict(root: PyValue): LtrainError {
  const entries = root instanceof PyDict ? [...root] : [];
  const other =
    entries.find(([, value]) => isFlat(value)) ?? entries.find(([, value]) => namedTensors(value, "").tensors.size > 0);
  return new LtrainError("key.missing", "there is no state_dict here, so there is no key to extract", {
    hint:
      other === undefined
        ? "`ltrain inspect` shows what the file has"
        : `there are tensors under --key ${keyText(other[0])}`,
  });
}
