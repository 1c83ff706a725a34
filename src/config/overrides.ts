import type { Complaints } from "./complaints.js";
import { dotted } from "./complaints.js";
import type { ConfigNode, MapNode } from "./configNode.js";
import { emptyMap, mapOf, nodeAt } from "./configNode.js";
import { INIT_FROM } from "./initFrom.js";
import type { SameClass } from "./mergeNodes.js";
import { CLASS_KEYS, fullClassList, mergeNodes, normalizeClasses } from "./mergeNodes.js";
import type { Origin } from "./origin.js";
import { readOverrideValue } from "./readYaml.js";

/** One `--key value` of the command line. */
export interface Override {
  readonly path: readonly string[];
  /** `--trainer.callbacks+=X` adds to a list. */
  readonly append: boolean;
  readonly value: ConfigNode;
  readonly origin: Origin;
}

/** The command line's `--a.b value` and `--a.b=value` words, in their order; values are YAML. */
export function parseOverrides(words: readonly string[], complaints: Complaints): Override[] {
  const overrides: Override[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    const match = /^--([A-Za-z_][\w-]*(?:\.[\w-]+)*)(\+?)(?:=([^]*))?$/.exec(word);
    if (match === null) {
      complaints.add({ kind: "override", text: word }, "", `expected --key value, as in --trainer.max_epochs 3`);
      continue;
    }
    const [, key = "", plus = "", joined] = match;
    const next = words[at + 1];
    const raw = joined ?? (next !== undefined && !/^--[A-Za-z_]/.test(next) ? next : undefined);
    if (raw === undefined) {
      complaints.add({ kind: "override", text: word }, "", `expected a value after it, as in ${word} VALUE`);
      continue;
    }
    if (joined === undefined) at += 1;
    const origin: Origin = { kind: "override", text: joined === undefined ? `${word} ${raw}` : word, at };
    const value = readOverrideValue(raw, origin);
    overrides.push({ path: fullPath(key.split(".")), append: plus === "+", value, origin });
  }
  return overrides;
}

/** An option of the command itself, such as `--engine tfjs`, as the config key it stands for. */
export function optionOverride(text: string, path: readonly string[], value: string): Override {
  const origin: Origin = { kind: "override", text };
  return { path, append: false, value: readOverrideValue(value, origin), origin };
}

/** A key's path in full: `model.lr` is short for `model.init_args.lr`. */
export function fullPath(path: readonly string[]): string[] {
  const inClass = (depth: number): string[] => {
    const next = path[depth];
    if (next === undefined || next === "class_path" || next === "init_args") return [...path];
    if (path[0] === "model" && next === INIT_FROM) return [...path];
    return [...path.slice(0, depth), "init_args", ...path.slice(depth)];
  };
  if (CLASS_KEYS.some((key) => key === path[0])) return inClass(1);
  if (path[0] === "trainer" && (path[1] === "callbacks" || path[1] === "logger")) {
    return inClass(/^\d+$/.test(path[2] ?? "") ? 3 : 2);
  }
  return [...path];
}

/** The config with the overrides laid on, one after the other. */
export function applyOverrides(
  root: MapNode,
  overrides: readonly Override[],
  sameClass: SameClass,
  complaints: Complaints,
): MapNode {
  return overrides.reduce((config, override) => applyOverride(config, override, sameClass, complaints), root);
}

function applyOverride(root: MapNode, override: Override, sameClass: SameClass, complaints: Complaints): MapNode {
  const listAt = override.path.findIndex((_, depth) => nodeAt(root, override.path.slice(0, depth))?.kind === "list");
  const path = listAt === -1 ? override.path : override.path.slice(0, listAt);
  const value = listAt === -1 ? appended(root, override) : withItem(root, override, listAt, sameClass, complaints);
  if (value === undefined) return root;
  const tree = path.reduceRight((node, key) => mapOf(key, node, override.origin), value);
  const merged = mergeNodes(root, normalizeClasses(asMap(tree, override.origin)), sameClass);
  return normalizeClasses(asMap(merged, override.origin));
}

function asMap(node: ConfigNode, origin: Origin): MapNode {
  return node.kind === "map" ? node : emptyMap(origin);
}

function appended(root: MapNode, override: Override): ConfigNode {
  if (!override.append) return override.value;
  const before = nodeAt(root, override.path);
  const added = fullClassList(override.value);
  const items = added.kind === "list" ? added.items : [added];
  return { kind: "list", origin: override.origin, items: [...(before?.kind === "list" ? before.items : []), ...items] };
}

/** The list with one item changed: `--trainer.callbacks.0.monitor` means the first, `--trainer.callbacks.monitor` the last. */
function withItem(
  root: MapNode,
  override: Override,
  listAt: number,
  sameClass: SameClass,
  complaints: Complaints,
): ConfigNode | undefined {
  const listPath = override.path.slice(0, listAt);
  const list = nodeAt(root, listPath);
  const [first = "", ...others] = override.path.slice(listAt);
  if (list?.kind !== "list") return undefined;
  const numbered = /^\d+$/.test(first);
  const index = numbered ? Number(first) : list.items.length - 1;
  const item = list.items[index];
  if (item === undefined) {
    const last = list.items.length - 1;
    const there = last < 0 ? "it is empty" : last === 0 ? "it has one item, 0" : `it has items 0 to ${last}`;
    complaints.add(override.origin, dotted(listPath), `has no item ${Math.max(index, 0)}: ${there}`);
    return undefined;
  }
  const rest = numbered ? others : [first, ...others];
  const tree = rest.reduceRight((node, key) => mapOf(key, node, override.origin), override.value);
  const changed = mergeNodes(item, tree, sameClass);
  return { ...list, items: list.items.map((before, at) => (at === index ? changed : before)) };
}
