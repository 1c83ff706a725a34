import { LtrainError } from "../errors.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { castHost } from "../tensor/cast.js";
import type { Variable } from "../tensor/variable.js";
import { findRename } from "./findRename.js";

/** What a state_dict holds under a name, as far as it must be known to compare it with a module. */
export type StateEntry = Pick<HostTensor, "shape">;

/** torch's _IncompatibleKeys: what a load that is not strict let pass. */
export interface IncompatibleKeys {
  /** Names of the module that the state_dict does not have. */
  readonly missing: readonly string[];
  /** Names of the state_dict that the module does not have. */
  readonly unexpected: readonly string[];
}

/** Write `entries` into the variables of the same name; all that does not fit is told in one checkpoint.mismatch. */
export function loadState(
  model: string,
  variables: ReadonlyMap<string, Variable>,
  entries: ReadonlyMap<string, HostTensor>,
  write: (variable: Variable, value: HostTensor) => void,
  strict: boolean,
): IncompatibleKeys {
  const keys = compareState(model, variables, entries, strict);
  for (const [name, variable] of variables) {
    const entry = entries.get(name);
    if (entry !== undefined) write(variable, fittedTo(variable, entry));
  }
  return keys;
}

/** The value of a state_dict as the variable of that name takes it. */
export function fittedTo(variable: Variable, entry: HostTensor): HostTensor {
  return castHost({ ...entry, shape: unwrapScalar(entry.shape, variable.shape) }, variable.dtype);
}

/** Compare a state_dict with a module's variables: what does not fit is told in one checkpoint.mismatch. */
export function compareState(
  model: string,
  variables: ReadonlyMap<string, Variable>,
  entries: ReadonlyMap<string, StateEntry>,
  strict: boolean,
): IncompatibleKeys {
  const missing = missingNames(variables, entries);
  const unexpected = [...entries.keys()].filter((name) => !variables.has(name));
  const shapes = [...variables].flatMap(([name, { shape }]) => {
    const entry = entries.get(name);
    if (entry === undefined || sameShape(shape, unwrapScalar(entry.shape, shape))) return [];
    return [`${name} is ${show(entry.shape)} in the file, ${show(shape)} in the model`];
  });
  if (shapes.length === 0 && (!strict || missing.length + unexpected.length === 0)) return { missing, unexpected };
  const parts = [
    strict && missing.length > 0 ? `missing in the file (${missing.length}): ${groupNames(missing)}` : null,
    strict && unexpected.length > 0 ? `unexpected in the file (${unexpected.length}): ${groupNames(unexpected)}` : null,
    shapes.length > 0 ? `different shape (${shapes.length}): ${shapes.join("; ")}` : null,
  ].filter((part) => part !== null);
  const rename = strict ? findRename(missing, unexpected) : null;
  throw new LtrainError(
    "checkpoint.mismatch",
    [`the state_dict does not fit ${model}`, ...parts].join("\n  "),
    rename === null
      ? {}
      : {
          hint:
            `names that begin with "${rename.from}" in the file begin with "${rename.to}" in the model: ` +
            `renaming them would match ${rename.count} of ${missing.length}`,
        },
  );
}

/** A tied variable is there as soon as one of its names is: safetensors files keep but one. */
function missingNames(variables: ReadonlyMap<string, Variable>, entries: ReadonlyMap<string, StateEntry>): string[] {
  const given = new Set([...variables].flatMap(([name, variable]) => (entries.has(name) ? [variable] : [])));
  return [...variables].flatMap(([name, variable]) => (given.has(variable) ? [] : [name]));
}

/** Names by module: "encoder.0: weight, bias". */
export function groupNames(names: readonly string[]): string {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const dot = name.lastIndexOf(".");
    const module = dot < 0 ? "" : name.slice(0, dot);
    groups.set(module, [...(groups.get(module) ?? []), name.slice(dot + 1)]);
  }
  return [...groups]
    .map(([module, leaves]) => {
      const [only, ...others] = leaves;
      const inner = others.length === 0 ? (only ?? "") : `{${leaves.join(", ")}}`;
      return module === "" ? leaves.join(", ") : `${module}.${inner}`;
    })
    .join(", ");
}

/** Torch before 0.4 had no 0-dim tensors: it wrote scalars as [1], and torch still takes them. */
function unwrapScalar(entry: readonly number[], shape: readonly number[]): readonly number[] {
  return shape.length === 0 && entry.length === 1 && entry[0] === 1 ? [] : entry;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function show(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
