import type { StateDict } from "../checkpoint/checkpoint.js";
import type { Selection } from "../checkpoint/extractCheckpoint.js";
import { extractStateDict } from "../checkpoint/extractCheckpoint.js";
import { globPattern } from "../checkpoint/namePattern.js";
import { atPath, openCheckpoint } from "../checkpoint/openCheckpoint.js";
import { parseRenameRule } from "../checkpoint/renameRule.js";
import { statePartOf } from "../checkpoint/statePart.js";
import { LtrainError } from "../errors.js";
import { findRename } from "../nn/findRename.js";
import { compareState, fittedTo } from "../nn/loadState.js";
import type { Module } from "../nn/module.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";
import type { Variable } from "../tensor/variable.js";
import type { TrainerState } from "./trainerState.js";

/** Which tensors of a file are taken, how they are called in the module, and what may be amiss. */
export interface LoadWeightsOptions {
  /**
   * true, the default: all that is asked for must be there and nothing else. false lets names pass that only one side
   * has, as torch's load_state_dict; shapes must agree all the same.
   */
  readonly strict?: boolean;
  /** The part of the file that is meant instead of its state_dict: "ema.params". */
  readonly key?: string;
  /** Take only what lies under these modules of the file; nothing else of the module is asked for. */
  readonly prefix?: string | readonly string[];
  /** Take the prefix off the names. */
  readonly stripPrefix?: boolean;
  /** Put in front of the names: the module's part that the file is for, "encoder.". */
  readonly addPrefix?: string;
  /** Take the wrappers of torch.compile, DDP and their like out of the names. */
  readonly stripWrappers?: boolean;
  /** Globs: only names that fit one of them are taken and asked for. */
  readonly include?: readonly string[];
  /** Globs: names that fit one of them are neither taken nor asked for: a head that is trained anew. */
  readonly exclude?: readonly string[];
  /** Modules, prefixes ("model.") or /regular expressions/ to what stands in their place in the module. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Whole names in the file to names in the module. */
  readonly map?: Readonly<Record<string, string>>;
}

/** What came of loading weights. */
export interface LoadedWeights {
  /** Names of the module that have their value from the file. */
  readonly loaded: readonly string[];
  /** Names of the module that keep the value they had. */
  readonly kept: readonly string[];
  /** Names that were taken from the file and that the module does not have; none where strict. */
  readonly unexpected: readonly string[];
}

/** A module, which a trainer may have at work. */
type TrainedModule = Module & { readonly trainer?: TrainerState | null };

/**
 * Put the weights of a file into a module, cast to its dtypes: torch's `load_state_dict(torch.load(path))` for any file,
 * folder or address that `ltrain inspect` reads. Everything is compared before anything is written.
 */
export async function loadWeights(
  module: TrainedModule,
  path: string,
  options: LoadWeightsOptions = {},
): Promise<LoadedWeights> {
  const file = await openCheckpoint(path);
  try {
    const part = statePartOf(file, options.key);
    const { tensors, versions } = extractStateDict(part.stateDict, selectionOf(options)).stateDict;
    const unexpected = compare(module, { tensors, versions }, options);
    const state = module.state();
    const values: [Variable, Parameters<Variable["write"]>[0]][] = [];
    for (const [name, variable] of state) {
      const tensor = tensors.get(name);
      if (tensor !== undefined) values.push([variable, fittedTo(variable, await readTensor(tensor))]);
    }
    for (const [variable, value] of values) write(module, variable, value);
    const given = new Set(values.map(([variable]) => variable)); // a tied one may have been given under another name
    const names = [...state];
    return {
      loaded: names.filter(([, variable]) => given.has(variable)).map(([name]) => name),
      kept: names.filter(([, variable]) => !given.has(variable)).map(([name]) => name),
      unexpected,
    };
  } catch (error) {
    throw atPath(path, error);
  } finally {
    await file.close();
  }
}

function selectionOf(options: LoadWeightsOptions): Selection {
  const { include = [], exclude = [], stripWrappers = false, stripPrefix = false, addPrefix, map } = options;
  return {
    ...{ prefixes: prefixesOf(options), include, exclude, stripWrappers, stripPrefix, renames: renamesOf(options) },
    ...(map !== undefined && { map: new Map(Object.entries(map)) }),
    ...(addPrefix !== undefined && { addPrefix: asPrefix(addPrefix) }),
  };
}

function renamesOf({ rename = {} }: LoadWeightsOptions): ReturnType<typeof parseRenameRule>[] {
  return Object.entries(rename).map(([from, to]) => parseRenameRule(`${from}=${to}`));
}

function prefixesOf({ prefix = [] }: LoadWeightsOptions): readonly string[] {
  return typeof prefix === "string" ? [prefix] : prefix;
}

/** The version of a batch norm's state_dict from which on it counts batches; older ones, and files without versions, may not. */
const COUNTS_BATCHES = 2;

/** Compare what was taken with the part of the module that it is for; gives the names that the module does not have. */
function compare(
  module: TrainedModule,
  { tensors, versions }: StateDict,
  options: LoadWeightsOptions,
): readonly string[] {
  const isAskedFor = scopeOf(options);
  const isCounterOfOld = (name: string): boolean => {
    const module = /^(?:(.*)\.)?num_batches_tracked$/u.exec(name);
    return module !== null && (versions?.get(module[1] ?? "") ?? 0) < COUNTS_BATCHES;
  };
  const isWanted = (name: string): boolean => tensors.has(name) || (isAskedFor(name) && !isCounterOfOld(name));
  const wanted = new Map([...module.state()].filter(([name]) => isWanted(name)));
  const model = module.constructor.name;
  const strict = options.strict ?? true;
  try {
    const { unexpected } = compareState(model, wanted, tensors, strict);
    if (unexpected.length < tensors.size) return unexpected;
  } catch (error) {
    if (!(error instanceof LtrainError)) throw error;
    throw new LtrainError(error.code, error.message, { cause: error, hint: wayOut(error.hint, wanted, tensors) });
  }
  const [first = ""] = tensors.keys();
  throw new LtrainError(
    "checkpoint.mismatch",
    `none of the ${tensors.size} names in the file is a name of ${model}: the first of them is "${first}"`,
    { hint: wayOut(undefined, wanted, tensors) },
  );
}

function wayOut(
  found: string | undefined,
  wanted: ReadonlyMap<string, Variable>,
  tensors: ReadonlyMap<string, StoredTensor>,
): string {
  const missing = [...wanted.keys()].filter((name) => !tensors.has(name));
  const unexpected = [...tensors.keys()].filter((name) => !wanted.has(name));
  const rename = findRename(missing, unexpected);
  if (rename === null) return 'exclude: ["head.*"] leaves tensors out; strict: false lets names pass, but no shapes';
  const { from, to, count } = rename;
  const way = from === "" ? `add_prefix: "${to}"` : `rename: {"${from}": "${to}"}`;
  return found === undefined ? `${way} would match ${count} of ${missing.length} names` : `${found}; ${way} does it`;
}

/** Which names of the module are asked for. */
function scopeOf(options: LoadWeightsOptions): (name: string) => boolean {
  const { include = [], exclude = [], stripPrefix = false } = options;
  const addPrefix = asPrefix(options.addPrefix ?? "");
  const renames = renamesOf(options);
  const prefixes = prefixesOf(options).map(asPrefix);
  const targets = (prefixes.length === 0 ? [""] : prefixes).map((prefix) => {
    const renamed = renames.reduce((name, rule) => rule.apply(name) ?? name, stripPrefix ? "" : prefix);
    return addPrefix + renamed;
  });
  const fits = (globs: readonly string[]): ((name: string) => boolean) => {
    const patterns = globs.map(globPattern);
    const inFile = (name: string): string => (name.startsWith(addPrefix) ? name.slice(addPrefix.length) : name);
    return (name) => patterns.some((pattern) => pattern.test(name) || pattern.test(inFile(name)));
  };
  const [isIncluded, isExcluded] = [fits(include), fits(exclude)];
  return (name) =>
    targets.some((target) => name.startsWith(target) || `${name}.` === target) &&
    (include.length === 0 || isIncluded(name)) &&
    !isExcluded(name);
}

/** "encoder" and "encoder." both mean the module. */
function asPrefix(prefix: string): string {
  return prefix === "" || prefix.endsWith(".") ? prefix : `${prefix}.`;
}

/** While a trainer has the module, its executor has the values. */
function write(module: TrainedModule, variable: Variable, value: Parameters<Variable["write"]>[0]): void {
  const { trainer } = module;
  if (trainer === null || trainer === undefined) variable.write(value);
  else trainer.executor.write(variable, value);
}
