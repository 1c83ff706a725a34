import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { MIGRATIONS } from "./migrations.js";

/**
 * A Lightning checkpoint in today's layout, as Lightning's own migration brings it there; the version it says stays
 * that of the file. The dict given is left alone. A file that does not say its version is taken as it is, as is one
 * from a newer Lightning. A sharded checkpoint is given the keys of one that is a single file.
 */
export function migrateCheckpoint(root: PyDict): PyDict {
  const version = root.get("pytorch-lightning_version");
  if (typeof version !== "string") return root;
  const due = MIGRATIONS.filter(({ before }) => isOlder(version, before));
  const isSharded = !root.has("state_dict") && root.get("model") instanceof PyDict;
  if (due.length === 0 && !isSharded) return root;
  const migrated = new PyDict(root, root.kind);
  if (isSharded) joinShards(migrated);
  for (const key of ["loops", "callbacks"]) {
    const value = migrated.get(key);
    if (value instanceof PyDict) migrated.set(key, copyOf(value, new Map()));
  }
  for (const { migrate } of due) migrate(migrated);
  return migrated;
}

/** A sharded checkpoint has its weights under `model` and each optimizer under `optimizer_<n>`. */
function joinShards(checkpoint: PyDict): void {
  const model = checkpoint.get("model");
  if (model !== undefined) checkpoint.set("state_dict", model);
  checkpoint.delete("model");
  const states: PyValue[] = [];
  for (let state = checkpoint.get("optimizer_0"); state !== undefined;) {
    checkpoint.delete(`optimizer_${states.length}`);
    states.push(state);
    state = checkpoint.get(`optimizer_${states.length}`);
  }
  if (states.length > 0) checkpoint.set("optimizer_states", states);
}

/** The dict and the dicts in it, for they are changed; what else there is stays the same object. */
function copyOf(dict: PyDict, copies: Map<PyDict, PyDict>): PyDict {
  const known = copies.get(dict);
  if (known !== undefined) return known;
  const copy = new PyDict([], dict.kind);
  copies.set(dict, copy); // a dict may lie in itself
  for (const [key, value] of dict) copy.set(key, value instanceof PyDict ? copyOf(value, copies) : value);
  if (dict.attributes !== undefined) copy.attributes = dict.attributes;
  return copy;
}

/** Whether version `a` comes before `b`, which is a release; "1.6.0rc1" comes before "1.6.0". */
export function isOlder(a: string, b: string): boolean {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return /^\d+(\.\d+)*[._-]?(a|b|c|rc|alpha|beta|dev|pre)/i.test(a);
}

function numbersOf(version: string): number[] {
  const release = /^v?(\d+(?:\.\d+)*)/.exec(version)?.[1] ?? "";
  return release.split(".").map((part) => Number.parseInt(part, 10) || 0);
}
