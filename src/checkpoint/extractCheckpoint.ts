import { LtrainError } from "../errors.js";
import { nearest } from "../nearest.js";
import type { PyValue } from "../pickle/values.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import type { StateDict } from "./checkpoint.js";
import { selectVersions } from "./moduleVersions.js";
import { globPattern } from "./namePattern.js";
import type { RenameRule } from "./renameRule.js";
import { trimStorages } from "./trimStorages.js";
import { unwrapper } from "./wrapperNames.js";

/** Which part of a state_dict is wanted, and under which names. */
export interface Selection {
  /** Module paths; "encoder" and "encoder." both mean the module, never "encoder_ema". None, or "", is everything. */
  readonly prefixes: readonly string[];
  /** Globs; a name must fit one of them if there are any. */
  readonly include?: readonly string[];
  /** Globs; a name that fits one of them stays behind. */
  readonly exclude?: readonly string[];
  /** Take the wrappers of torch.compile, DDP and their like out of the names, before everything else. */
  readonly stripWrappers?: boolean;
  /** Take the prefix off the names, so that the module itself can load them. */
  readonly stripPrefix: boolean;
  /** Whole names to new ones, as they are in the file or as they are by then. */
  readonly map?: ReadonlyMap<string, string>;
  /** Applied in order, each to what the one before left. */
  readonly renames?: readonly RenameRule[];
  /** Put in front of every name at the end. */
  readonly addPrefix?: string;
}

/** A part of a state_dict, and where each name comes from. */
export interface Extraction {
  readonly stateDict: StateDict;
  /** New name to the name in the file, in order. */
  readonly sources: ReadonlyMap<string, string>;
  /** Globs of `exclude` that fit no name. */
  readonly idle: readonly string[];
}

/** The part of a state_dict that a selection wants, under its new names, over storages that hold nothing else. */
export function extractStateDict(stateDict: StateDict, selection: Selection): Extraction {
  const names = stateDict.order ?? [...stateDict.tensors.keys()];
  const { wanted, idle } = chooseNames(names, selection);
  const sources = new Map<string, string>();
  for (const [name, newName] of renamed(wanted, names, selection)) {
    const before = sources.get(newName);
    if (before !== undefined) throw collision(newName, before, name);
    sources.set(newName, name);
  }
  return { stateDict: select(stateDict, names, sources), sources, idle };
}

/** A name that is wanted: as the file has it, as it is without wrappers, and without the prefix too. */
interface Wanted {
  readonly name: string;
  readonly plain: string;
  readonly stripped: string;
}

function chooseNames(names: readonly string[], selection: Selection): { wanted: Wanted[]; idle: string[] } {
  const unwrap = selection.stripWrappers === true ? unwrapper(names) : (name: string): string => name;
  const prefixes = selection.prefixes.map((prefix) => modulePrefix(unwrap(modulePrefix(prefix))));
  const all = names.map((name) => ({ name, plain: unwrap(name) }));
  const fits = (glob: string): ((each: { name: string; plain: string }) => boolean) => {
    const pattern = globPattern(glob);
    return ({ name, plain }) => pattern.test(plain) || pattern.test(name);
  };
  for (const prefix of prefixes) {
    if (!all.some(({ plain }) => isUnder(plain, prefix))) {
      throw noMatch(
        prefix,
        all.map(({ plain }) => plain),
      );
    }
  }
  const include = (selection.include ?? []).map((glob) => ({ glob, fits: fits(glob) }));
  const exclude = (selection.exclude ?? []).map((glob) => ({ glob, fits: fits(glob) }));
  for (const { glob, fits: fit } of include) {
    if (!all.some(fit)) throw noMatch(glob, names);
  }
  const wanted: Wanted[] = [];
  for (const each of all) {
    const prefix = prefixes.length === 0 ? "" : longestMatch(each.plain, prefixes);
    if (prefix === undefined || (include.length > 0 && !include.some((glob) => glob.fits(each)))) continue;
    if (exclude.some((glob) => glob.fits(each))) continue;
    wanted.push({ ...each, stripped: selection.stripPrefix ? stripped(each.plain, prefix) : each.plain });
  }
  if (wanted.length === 0) throw nothingLeft(names);
  return { wanted, idle: exclude.filter(({ fits: fit }) => !all.some(fit)).map(({ glob }) => glob) };
}

/** A prefix up to the end of a module's name; "" stays everything. */
function modulePrefix(prefix: string): string {
  return prefix === "" || prefix.endsWith(".") ? prefix : `${prefix}.`;
}

/** Whether a name lies under a module, or is a parameter's own name given as a prefix. */
function isUnder(name: string, prefix: string): boolean {
  return name.startsWith(prefix) || `${name}.` === prefix;
}

function longestMatch(name: string, prefixes: readonly string[]): string | undefined {
  const matches = prefixes.filter((prefix) => isUnder(name, prefix));
  return matches.sort((a, b) => b.length - a.length)[0];
}

/** A parameter named in full keeps the last part of its name: nothing would be left of it. */
function stripped(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name.slice(name.lastIndexOf(".") + 1);
}

/** Old names with their new ones. A rule or a mapping that concerns no name of the file is a mistake. */
function renamed(wanted: readonly Wanted[], names: readonly string[], selection: Selection): [string, string][] {
  const { map, renames = [], addPrefix = "" } = selection;
  const unused = new Set(renames);
  const result = wanted.map((each): [string, string] => {
    const mapped = map?.get(each.name) ?? map?.get(each.plain) ?? map?.get(each.stripped);
    let newName = mapped ?? each.stripped;
    for (const rule of renames) {
      const next = rule.apply(newName);
      if (next === undefined) continue;
      unused.delete(rule);
      newName = next;
    }
    if (newName === "" && each.name !== "")
      throw new LtrainError("argument.invalid", `nothing would be left of the name "${each.name}"`);
    return [each.name, `${addPrefix}${newName}`];
  });
  for (const rule of unused) throw idleRule(rule, wanted);
  if (map !== undefined) checkMap(map, wanted, names);
  return result;
}

/** A mapping may name tensors that are not wanted this time, but none that the file does not have. */
function checkMap(map: ReadonlyMap<string, string>, wanted: readonly Wanted[], names: readonly string[]): void {
  const known = new Set([...names, ...wanted.flatMap(({ plain, stripped }) => [plain, stripped])]);
  for (const name of map.keys()) {
    if (known.has(name)) continue;
    const near = nearest(name, known);
    throw new LtrainError(
      "key.missing",
      `the map renames "${name}", which is not in the state_dict`,
      near === undefined ? {} : { hint: `did you mean "${near}"?` },
    );
  }
}

function idleRule(rule: RenameRule, wanted: readonly Wanted[]): LtrainError {
  const from = rule.text.slice(0, rule.text.indexOf("="));
  const near = nearest(
    from,
    modulePrefixes(wanted.map(({ stripped }) => stripped)).map((prefix) => prefix.slice(0, -1)),
  );
  return new LtrainError("key.missing", `--rename ${rule.text} concerns none of the ${wanted.length} names`, {
    hint: near === undefined ? `the first of them is "${wanted[0]?.stripped ?? ""}"` : `did you mean "${near}"?`,
  });
}

function select(stateDict: StateDict, names: readonly string[], sources: ReadonlyMap<string, string>): StateDict {
  const tensors = new Map<string, StoredTensor>();
  const extraState = new Map<string, PyValue>();
  for (const [newName, name] of sources) {
    const tensor = stateDict.tensors.get(name);
    const extra = stateDict.extraState?.get(name);
    if (tensor !== undefined) tensors.set(newName, tensor);
    else if (extra !== undefined) extraState.set(newName, extra);
  }
  const versions = stateDict.versions && selectVersions(stateDict.versions, names, sources);
  const selected = { tensors: trimStorages(tensors), versions };
  return extraState.size === 0 ? selected : { ...selected, extraState, order: [...sources.keys()] };
}

/** More prefixes than this are not listed; the nearest one is named anyway. */
const MAX_LISTED_PREFIXES = 20;

function noMatch(wanted: string, names: readonly string[]): LtrainError {
  if (names.length === 0) {
    return new LtrainError("key.missing", "there is no state_dict here, so there is no key to extract", {
      hint: "`ltrain inspect` shows what the file has; --key takes another part of it",
    });
  }
  const all = modulePrefixes(names);
  const top = all.filter((each) => each.indexOf(".") === each.length - 1);
  const shown = top.length > 0 ? top : names;
  const listed = shown.slice(0, MAX_LISTED_PREFIXES).join(", ");
  const more = shown.length > MAX_LISTED_PREFIXES ? ` and ${shown.length - MAX_LISTED_PREFIXES} more` : "";
  const near = nearest(wanted, [...all, ...names]) ?? all.find((each) => each.endsWith(`.${wanted}`));
  const isGlob = !wanted.endsWith(".");
  return new LtrainError(
    "key.missing",
    `no key of the state_dict ${isGlob ? "fits" : "starts with"} "${wanted}"; there are ${listed}${more}`,
    near === undefined ? {} : { hint: `did you mean "${near}"?` },
  );
}

function nothingLeft(names: readonly string[]): LtrainError {
  if (names.length === 0) return noMatch("", names);
  return new LtrainError("key.missing", `of ${names.length} keys none fits all that was asked for`, {
    hint: "--prefix, --include and --exclude must all let a key pass",
  });
}

/** Every module path that some name lies under, ending in a dot, in the file's order. */
function modulePrefixes(names: readonly string[]): string[] {
  const prefixes = new Set<string>();
  for (const name of names) {
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) prefixes.add(name.slice(0, dot + 1));
  }
  return [...prefixes];
}

function collision(newName: string, first: string, second: string): LtrainError {
  return new LtrainError("argument.invalid", `"${first}" and "${second}" would both be called "${newName}"`, {
    hint: "extract them into two files, or keep the names apart with --rename",
  });
}
