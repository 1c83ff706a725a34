import { PyComplex, PyDict, PyGlobal, PyObject, PySet } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { childrenOf, walkTree } from "./treePaths.js";

/** Where in a file's tree each class or function is used, by its name: the first paths, and how many there are. */
export interface GlobalUse {
  readonly count: number;
  readonly paths: readonly string[];
}

/** So many paths of one name are kept; a file may use one a hundred thousand times. */
const MAX_PATHS = 100;

/**
 * Find where the names that a pickle holds ended up in its value. A name that is not found was only used on the way: to
 * build a tensor or a container, or by a call whose result was dropped.
 */
export function traceGlobals(root: PyValue): ReadonlyMap<string, GlobalUse> {
  const uses = new Map<string, { count: number; paths: string[] }>();
  const note = (name: string, path: string): void => {
    const use = uses.get(name) ?? { count: 0, paths: [] };
    uses.set(name, use);
    use.count += 1;
    if (use.paths.length < MAX_PATHS) use.paths.push(path);
  };
  walkTree(root, (value, path) => {
    for (const name of namesOf(value)) note(name, path);
    for (const key of value instanceof PyDict ? value.keys() : []) for (const name of namesOf(key)) note(name, path);
    if (value instanceof StoredTensor && value.origin instanceof PyObject) traceOrigin(value.origin, path, note);
    return true;
  });
  return uses;
}

/** Names that a value itself stands for: a class, a call, a container whose class is written out. */
function namesOf(value: PyValue): string[] {
  if (value instanceof PyGlobal) return [value.toString()];
  if (value instanceof PyComplex) return ["builtins.complex"];
  if (value instanceof PySet) return [value.frozen ? "builtins.frozenset" : "builtins.set"];
  if (value instanceof PyDict && value.kind !== "dict") {
    return [`collections.${value.kind}`, ...(value.factory === undefined ? [] : namesOf(value.factory))];
  }
  if (value instanceof Uint8Array) return [value.byteLength === 0 ? "builtins.bytes" : "_codecs.encode"];
  return value instanceof PyObject ? namesOfCallable(value.callable) : [];
}

/** A call of what another call returned names both. */
function namesOfCallable(callable: PyValue): string[] {
  if (callable instanceof PyGlobal) return [callable.toString()];
  return callable instanceof PyObject ? namesOfCallable(callable.callable) : [];
}

/** A Parameter or a subclass is a tensor in the tree; what made it one is in the call it came from. */
function traceOrigin(origin: PyObject, path: string, note: (name: string, path: string) => void): void {
  const seen = new Set<PyValue>();
  const pending: PyValue[] = [origin];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next) && typeof next === "object") continue;
    seen.add(next);
    for (const name of namesOf(next)) note(name, path);
    pending.push(...childrenOf(next).map(({ value }) => value));
  }
}
