import type { CheckpointDiff } from "../checkpoint/diffCheckpoints.js";
import { sectionOf } from "../checkpoint/diffCheckpoints.js";
import { plural } from "./units.js";

/** What is left of a diff when parts that only one file has are told in a line each, and those lines. */
export interface FoldedDiff extends Pick<CheckpointDiff, "values" | "onlyA" | "onlyB"> {
  readonly lines: readonly string[];
}

/** Up to so many entries a part is shown entry by entry: as many lines say more than a number. */
const MAX_SHOWN = 3;

/** Fold the parts of which the other file has nothing: weights against a whole checkpoint differ in its loops, optimizers, ... */
export function foldSections(diff: CheckpointDiff): FoldedDiff {
  const sections = new Map<string, { sign: "-" | "+"; values: number; tensors: number }>();
  const count = (path: string, sign: "-" | "+", what: "values" | "tensors"): void => {
    const name = sectionOf(path);
    if (!diff.sections.has(name)) return;
    const counted = sections.get(name) ?? { sign, values: 0, tensors: 0 };
    counted[what] += 1;
    sections.set(name, counted);
  };
  for (const { path, b } of diff.values) count(path, b === null ? "-" : "+", "values");
  for (const name of diff.onlyA.keys()) count(name, "-", "tensors");
  for (const name of diff.onlyB.keys()) count(name, "+", "tensors");
  const folded = new Map([...sections].filter(([, { values, tensors }]) => values + tensors > MAX_SHOWN));
  const isShown = (path: string): boolean => !folded.has(sectionOf(path));
  return {
    lines: [...folded].map(([name, { sign, values, tensors }]) => {
      const parts = [
        ...(values > 0 ? [plural(values, "value")] : []),
        ...(tensors > 0 ? [plural(tensors, "tensor")] : []),
      ];
      return `${sign} ${name}: ${parts.join(", ")}`;
    }),
    values: diff.values.filter(({ path }) => isShown(path)),
    onlyA: new Map([...diff.onlyA].filter(([name]) => isShown(name))),
    onlyB: new Map([...diff.onlyB].filter(([name]) => isShown(name))),
  };
}
