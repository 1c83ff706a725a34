import type { ConfigNode, Entry, MapNode } from "./configNode.js";
import { mapOf, nodeAt } from "./configNode.js";
import { fullInitFrom } from "./initFrom.js";

/** Keys of a config whose value is a class: a bare name there means `{class_path: name}`. */
export const CLASS_KEYS = ["model", "data", "optimizer", "lr_scheduler"] as const;

/** Whether two class_path spellings mean one class; its init_args then stay when configs are merged. */
export type SameClass = (a: string, b: string) => boolean;

/**
 * `over` laid on `base`: mappings merge key by key, everything else is replaced. Where the class changes, the old
 * class's init_args are marked, and only those that the new class takes will stay, as in LightningCLI.
 */
export function mergeNodes(base: ConfigNode, over: ConfigNode, sameClass: SameClass): ConfigNode {
  if (base.kind !== "map" || over.kind !== "map") return over;
  const entries = new Map(afterClassChange(base, over, sameClass).entries);
  for (const [key, entry] of over.entries) {
    const before = entries.get(key);
    entries.set(key, before === undefined ? entry : { ...entry, node: mergeNodes(before.node, entry.node, sameClass) });
  }
  return { ...over, entries };
}

function afterClassChange(base: MapNode, over: MapNode, sameClass: SameClass): MapNode {
  const oldClass = classPathOf(base);
  const newClass = classPathOf(over);
  const initArgs = base.entries.get("init_args");
  if (oldClass === undefined || newClass === undefined || sameClass(oldClass, newClass)) return base;
  if (initArgs?.node.kind !== "map") return base;
  const marked = [...initArgs.node.entries].map(([key, entry]): [string, Entry] => [
    key,
    { ...entry, node: { ...entry.node, inheritedFrom: oldClass } },
  ]);
  const node: MapNode = { ...initArgs.node, entries: new Map(marked) };
  return { ...base, entries: new Map([...base.entries, ["init_args", { ...initArgs, node }]]) };
}

function classPathOf(node: MapNode): string | undefined {
  const classPath = nodeAt(node, ["class_path"]);
  return classPath?.kind === "scalar" && typeof classPath.value === "string" ? classPath.value : undefined;
}

/** A class given by its bare name, in full. */
export function fullClass(node: ConfigNode): ConfigNode {
  return node.kind === "scalar" && typeof node.value === "string" ? mapOf("class_path", node, node.origin) : node;
}

/** Callbacks or loggers in full: a single one becomes a list, bare names become classes. */
export function fullClassList(node: ConfigNode): ConfigNode {
  if (node.kind === "list") return { ...node, items: node.items.map(fullClass) };
  const full = fullClass(node);
  return full.kind === "map" ? { kind: "list", origin: full.origin, items: [full] } : node;
}

/** The config with every class written in full, so that two spellings of one thing merge. */
export function normalizeClasses(root: MapNode): MapNode {
  const entries = new Map(root.entries);
  for (const key of CLASS_KEYS) {
    const entry = entries.get(key);
    if (entry !== undefined) entries.set(key, { ...entry, node: fullInitFrom(fullClass(entry.node)) });
  }
  const trainer = entries.get("trainer");
  if (trainer?.node.kind === "map") {
    const options = new Map(trainer.node.entries);
    for (const key of ["callbacks", "logger"]) {
      const entry = options.get(key);
      if (entry !== undefined) options.set(key, { ...entry, node: fullClassList(entry.node) });
    }
    entries.set("trainer", { ...trainer, node: { ...trainer.node, entries: options } });
  }
  return { ...root, entries };
}
