import { PyGlobal, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";

/** `('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 12)`, in files of torch before 1.6 with None behind it. */
const SPELLED = /^\('storage', <class '((?:\w+\.)+)(\w+)'>, '([^'\\]*)', '([^'\\]*)', (\d{1,16})(?:, None)?\)$/;

/**
 * The tuple that a persistent id is. Protocol 0 has no tuples there: it writes what Python prints of one, which torch
 * itself does not read again. Anything else stays what it is.
 */
export function storageIdOf(id: PyValue): PyValue {
  if (typeof id !== "string") return id;
  const [, module = "", name = "", key = "", location = "", numel = ""] = SPELLED.exec(id) ?? [];
  if (name === "") return id;
  return new PyTuple(["storage", new PyGlobal(module.slice(0, -1), name), key, location, Number(numel)]);
}
