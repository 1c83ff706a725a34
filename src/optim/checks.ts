import { LtrainError } from "../errors.js";
import type { ParamGroup } from "./paramGroup.js";

/** Numbers that torch wants at least 0. */
export function requireAtLeastZero(optimizer: string, group: ParamGroup, names: readonly string[]): void {
  for (const name of names) {
    const value = group.number(name);
    if (!(value >= 0)) {
      throw new LtrainError("argument.invalid", `${optimizer}'s ${name} is at least 0, got ${value}`);
    }
  }
}

/** Both betas lie in [0, 1). */
export function requireBetas(optimizer: string, group: ParamGroup): void {
  for (const beta of group.pair("betas")) {
    if (!(beta >= 0 && beta < 1)) {
      throw new LtrainError("argument.invalid", `${optimizer}'s betas lie between 0 and 1 (exclusive), got ${beta}`);
    }
  }
}
