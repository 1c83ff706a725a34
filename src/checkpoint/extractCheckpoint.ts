import { LtrainError } from "../errors.js";
import { nearest } from "../nearest.js";
import type { PyValue } from "../pickle/values.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import type { StateDict } from "./checkpoint.js";
import { trimStorages } from "./trimStorages.js";

/** Which part of a state_dict is wanted, and under which names. */
export interface Selection {
  /** Module paths; "encoder" and "encoder." both mean the module, never "encoder_ema". "" is everything. */
  readonly prefixes: readonly string[];
  /** Take the prefix off the names, so that the module itself can load them. */
  readonly stripPrefix: boolean;
}

/** A part of a state_dict, and where each name comes from. */
export interface Extraction {
  readonly stateDict: StateDict;
  /** New name to the name in the file, in order. */
  readonly sources: ReadonlyMap<string, string>;
}

/** The part of a state_dict that lies under the selected prefixes, over storages that hold nothing else. */
export function extractStateDict(stateDict: StateDict, selection: Selection): Extraction {
  const names = stateDict.order ?? [...stateDict.tensors.keys()];
  const prefixes = selection.prefixes.map(modulePrefix);
  for (const prefix of prefixes) if (!names.some((name) => isUnder(name, prefix))) throw noMatch(prefix, names);
  const sources = new Map<string, string>();
  for (const name of names) {
    const prefix = longestMatch(name, prefixes);
    if (prefix === undefined) continue;
    const newName = selection.stripPrefix ? stripped(name, prefix) : name;
    const before = sources.get(newName);
    if (before !== undefined) throw collision(newName, before, name);
    sources.set(newName, name);
  }
  return { stateDict: select(stateDict, sources, prefixes, selection.stripPrefix), sources };
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

function select(
  stateDict: StateDict,
  sources: ReadonlyMap<string, string>,
  prefixes: readonly string[],
  stripPrefix: boolean,
): StateDict {
  const tensors = new Map<string, StoredTensor>();
  const extraState = new Map<string, PyValue>();
  for (const [newName, name] of sources) {
    const tensor = stateDict.tensors.get(name);
    const extra = stateDict.extraState?.get(name);
    if (tensor !== undefined) tensors.set(newName, tensor);
    else if (extra !== undefined) extraState.set(newName, extra);
  }
  const versions = stateDict.versions && selectVersions(stateDict.versions, prefixes, stripPrefix);
  const selected = { tensors: trimStorages(tensors), versions };
  return extraState.size === 0 ? selected : { ...selected, extraState, order: [...sources.keys()] };
}

/** The `_metadata` of the modules that come along: their own, and with full names that of the modules above them. */
function selectVersions(
  versions: ReadonlyMap<string, number>,
  prefixes: readonly string[],
  stripPrefix: boolean,
): ReadonlyMap<string, number> {
  const selected = new Map<string, number>();
  for (const [path, version] of versions) {
    const prefix = longestMatch(path, prefixes) ?? (prefixes.includes("") ? "" : undefined);
    if (stripPrefix) {
      const newPath = prefix === undefined ? undefined : `${path}.` === prefix ? "" : path.slice(prefix.length);
      if (newPath !== undefined && !selected.has(newPath)) selected.set(newPath, version);
    } else if (prefix !== undefined || path === "" || prefixes.some((each) => each.startsWith(`${path}.`))) {
      selected.set(path, version);
    }
  }
  return selected;
}

/** More prefixes than this are not listed; the nearest one is named anyway. */
const MAX_LISTED_PREFIXES = 20;

function noMatch(prefix: string, names: readonly string[]): LtrainError {
  if (names.length === 0) {
    return new LtrainError("key.missing", "there is no state_dict here, so there is no key to extract", {
      hint: "`ltrain inspect` shows what the file has",
    });
  }
  const all = modulePrefixes(names);
  const top = all.filter((each) => each.indexOf(".") === each.length - 1);
  const shown = top.length > 0 ? top : names;
  const listed = shown.slice(0, MAX_LISTED_PREFIXES).join(", ");
  const more = shown.length > MAX_LISTED_PREFIXES ? ` and ${shown.length - MAX_LISTED_PREFIXES} more` : "";
  const near = nearest(prefix, [...all, ...names]) ?? all.find((each) => each.endsWith(`.${prefix}`));
  return new LtrainError(
    "key.missing",
    `no key of the state_dict starts with "${prefix}"; there are ${listed}${more}`,
    near === undefined ? {} : { hint: `did you mean "${near}"?` },
  );
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
  return new LtrainError(
    "argument.invalid",
    `without their prefixes "${first}" and "${second}" would both be called "${newName}"`,
    { hint: "extract them into two files, or keep the names (no --strip-prefix)" },
  );
}
