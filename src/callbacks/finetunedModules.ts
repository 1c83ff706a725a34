import { BatchNorm } from "../nn/batchNorm.js";
import { Module } from "../nn/module.js";
import type { Parameter } from "../nn/parameter.js";
import type { Optimizer } from "../optim/optimizer.js";

/** A module, or modules in lists of any depth. */
export type Modules = Module | Iterable<Modules>;

/** Which of some modules' parameters are meant. */
export interface ParamFilter {
  /** false: not those of batch norms. */
  readonly trainBn?: boolean;
  /** true: those that are trained; false: those that are frozen. */
  readonly requiresGrad?: boolean;
}

/** Modules without children, and those with parameters of their own: what is frozen piece by piece. */
export function flattenModules(modules: Modules): Module[] {
  if (!(modules instanceof Module)) return [...modules].flatMap(flattenModules);
  const all = modules.namedModules().map(([, module]) => module);
  return all.filter((module) => module.namedChildren().length === 0 || ownParameters(module).length > 0);
}

/** The parameters of some modules that a filter lets pass, in the modules' order. */
export function filterParams(
  modules: Modules,
  { trainBn = true, requiresGrad = true }: ParamFilter = {},
): readonly Parameter[] {
  const among = flattenModules(modules).filter((module) => trainBn || !(module instanceof BatchNorm));
  const parameters = new Set(among.flatMap(ownParameters));
  return [...parameters].filter((parameter) => parameter.requiresGrad === requiresGrad);
}

/** Unfreeze some modules; their batch norms move their statistics again. */
export function makeTrainable(modules: Modules): void {
  setTrainable(modules, () => true);
}

/** Freeze some modules; batch norms stay trained unless `trainBn` is false. */
export function freeze(modules: Modules, { trainBn = true }: Pick<ParamFilter, "trainBn"> = {}): void {
  setTrainable(modules, (module) => trainBn && module instanceof BatchNorm);
}

/** Parameters of which some are in an optimizer already. */
export function splitByOptimizer(
  optimizer: Optimizer,
  parameters: readonly Parameter[],
): { readonly fresh: readonly Parameter[]; readonly known: readonly Parameter[] } {
  const there = new Set(optimizer.paramGroups.flatMap(({ params }) => params));
  return {
    fresh: parameters.filter((parameter) => !there.has(parameter)),
    known: parameters.filter((parameter) => there.has(parameter)),
  };
}

function setTrainable(modules: Modules, isTrained: (module: Module) => boolean): void {
  for (const module of flattenModules(modules)) {
    const trained = isTrained(module);
    if (module instanceof BatchNorm) module.trackRunningStats = trained;
    for (const parameter of ownParameters(module)) parameter.requiresGrad = trained;
  }
}

/** A module's own parameters, without those below it. */
function ownParameters(module: Module): Parameter[] {
  return module.namedParameters().flatMap(([name, parameter]) => (name.includes(".") ? [] : [parameter]));
}
