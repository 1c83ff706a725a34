import type { Complaints } from "./complaints.js";
import { CONFIG_KEYS } from "./config.js";
import type { ConfigNode } from "./configNode.js";
import type { Environment } from "./interpolation.js";
import type { Origin } from "./origin.js";
import { placeOf } from "./origin.js";
import type { Override } from "./overrides.js";
import { fullPath } from "./overrides.js";
import { readOverrideValue } from "./readYaml.js";

const PREFIX = "LTRAIN_";

/**
 * The keys of a config that variables of the environment set, as LightningCLI's do with `default_env`: the prefix, then
 * the path in capitals with `__` for the dot (`LTRAIN_TRAINER__MAX_EPOCHS=3`). Config files win over them.
 */
export function environmentOverrides(environment: Environment): Override[] {
  return Object.entries(environment)
    .filter(([name]) => isConfigVariable(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value = ""]) => {
      const origin: Origin = { kind: "override", text: `${name}=${value}` };
      const path = fullPath(name.slice(PREFIX.length).toLowerCase().split("__"));
      return { path, append: false, value: readOverrideValue(value, origin), origin };
    });
}

/** A word with `__` in it can only be meant for a config; the others are settings of ltrain itself unless a key is so called. */
function isConfigVariable(name: string): boolean {
  if (!name.startsWith(PREFIX)) return false;
  const rest = name.slice(PREFIX.length).toLowerCase();
  return rest.includes("__") || CONFIG_KEYS.some((key) => key === rest);
}

/** A remark for every variable of which nothing is left in the config: a file said otherwise. */
export function overruledVariables(root: ConfigNode, overrides: readonly Override[], complaints: Complaints): string[] {
  if (complaints.count > 0) return [];
  const used = new Set<Origin>();
  const visit = (node: ConfigNode): void => {
    used.add(node.origin);
    if (node.kind === "list") node.items.forEach(visit);
    if (node.kind === "map") for (const entry of node.entries.values()) visit(entry.node);
  };
  visit(root);
  return overrides
    .filter(({ origin }) => !used.has(origin))
    .map(({ origin }) => `${placeOf(origin)} has no effect: the config says otherwise, and wins over the environment`);
}
