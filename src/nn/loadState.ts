import { LtrainError } from "../errors.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { castHost } from "../tensor/cast.js";
import type { Variable } from "../tensor/variable.js";
import { findRename } from "./findRename.js";

/** Write `entries` into the variables of the same name; all that does not fit is told in one checkpoint.mismatch. */
export function loadState(
  model: string,
  variables: ReadonlyMap<string, Variable>,
  entries: ReadonlyMap<string, HostTensor>,
  write: (variable: Variable, value: HostTensor) => void,
  strict: boolean,
): void {
  const missing = strict ? [...variables.keys()].filter((name) => !entries.has(name)) : [];
  const unexpected = strict ? [...entries.keys()].filter((name) => !variables.has(name)) : [];
  const pairs = [...variables].flatMap(([name, variable]) => {
    const entry = entries.get(name);
    return entry === undefined ? [] : [{ name, variable, entry: unwrapScalar(entry, variable.shape) }];
  });
  const misshapen = pairs.filter(({ variable, entry }) => !sameShape(variable.shape, entry.shape));
  if (missing.length + unexpected.length + misshapen.length > 0) {
    const shapes = misshapen.map(
      ({ name, variable, entry }) =>
        `${name} is ${show(entry.shape)} in the file, ${show(variable.shape)} in the model`,
    );
    const rename = findRename(missing, unexpected);
    const parts = [
      missing.length > 0 ? `missing in the file (${missing.length}): ${grouped(missing)}` : null,
      unexpected.length > 0 ? `unexpected in the file (${unexpected.length}): ${grouped(unexpected)}` : null,
      shapes.length > 0 ? `different shape (${shapes.length}): ${shapes.join("; ")}` : null,
    ].filter((part) => part !== null);
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
  for (const { variable, entry } of pairs) write(variable, castHost(entry, variable.dtype));
}

/** Names by module: "encoder.0: weight, bias". */
function grouped(names: readonly string[]): string {
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
function unwrapScalar(entry: HostTensor, shape: readonly number[]): HostTensor {
  return shape.length === 0 && entry.shape.length === 1 && entry.shape[0] === 1 ? { ...entry, shape: [] } : entry;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function show(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
