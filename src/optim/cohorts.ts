import type { Parameter } from "../nn/parameter.js";
import type { ParamGroup } from "./paramGroup.js";
import type { ParamState } from "./paramState.js";

/** Parameters of one group that have come equally far, so that one set of numbers serves them all. */
export interface Cohort {
  readonly group: ParamGroup;
  /** The state of the first of them, as far as numbers go. */
  readonly state: Readonly<ParamState>;
  /** Says which parameters these are: a step captured for other cohorts asks for other inputs, and is captured anew. */
  readonly name: string;
  readonly params: readonly Parameter[];
}

/** Divide the parameters that are to be updated by group and by what `keyOf` says of their state. */
export function cohortsOf(
  groups: readonly ParamGroup[],
  isUpdated: (param: Parameter) => boolean,
  stateOf: (param: Parameter) => ParamState,
  keyOf: (state: ParamState) => string,
): Cohort[] {
  const cohorts: Cohort[] = [];
  let index = 0;
  for (const group of groups) {
    const byKey = new Map<string, { state: ParamState; params: Parameter[]; indices: number[] }>();
    for (const param of group.params) {
      if (isUpdated(param)) {
        const state = stateOf(param);
        const members = byKey.get(keyOf(state)) ?? { state, params: [], indices: [] };
        members.params.push(param);
        members.indices.push(index);
        byKey.set(keyOf(state), members);
      }
      index += 1;
    }
    for (const { state, params, indices } of byKey.values()) {
      cohorts.push({ group, state, params, name: ranges(indices) });
    }
  }
  return cohorts;
}

/** [0, 1, 2, 5] as "0-2,5". */
function ranges(indices: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const last = runs.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else runs.push([index, index]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}
