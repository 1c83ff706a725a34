import { parse } from "yaml";
import type { ReportedRun } from "./reportData.js";

/** A key of the configs whose value is not the same in all runs; undefined where a run has none. */
export interface ComparedKey {
  readonly key: string;
  readonly values: readonly (string | undefined)[];
}

/** Where the configs of some runs differ, key by key; a run whose config cannot be read has no values. */
export function compareConfigs(runs: readonly ReportedRun[]): ComparedKey[] {
  const flat = runs.map(({ config }) => (config === null ? new Map<string, string>() : flattened(config.text)));
  const keys = new Set(flat.flatMap((each) => [...each.keys()]));
  return [...keys]
    .map((key) => ({ key, values: flat.map((each) => each.get(key)) }))
    .filter(({ key, values }) => {
      // The arguments of a callback that one run has not are said by the list of callbacks.
      if (key.includes(CLASS_MARK) && values.includes(undefined)) return false;
      return new Set(values.map((value) => value ?? "null")).size > 1; // a key that is not there is at its default
    })
    .map(({ key, values }) => ({ key: key.replaceAll(CLASS_MARK, ""), values }));
}

/** Stands in the path before the name of a class in a list. */
const CLASS_MARK = "\u0000";

function flattened(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (node: unknown, path: readonly string[]): void => {
    if (!isMapping(node)) {
      const classes = Array.isArray(node) ? node.map(classOf) : [];
      if (classes.length === 0 || classes.includes(undefined)) {
        found.set(path.join("."), typeof node === "string" && node !== "" ? node : JSON.stringify(node));
        return;
      }
      found.set(path.join("."), classes.join(", "));
      for (const [i, item] of (node as { readonly init_args?: unknown }[]).entries()) {
        if (isMapping(item.init_args)) walk(item.init_args, [...path, CLASS_MARK + (classes[i] ?? "")]);
      }
      return;
    }
    // class_path and init_args are how a config is written, not what it says.
    for (const [key, value] of Object.entries(node)) walk(value, key === "init_args" ? path : [...path, key]);
  };
  try {
    walk(parse(text, { logLevel: "silent" }), []);
  } catch {
    return found; // a file that a hand has spoilt is shown as it is
  }
  return found;
}

function classOf(item: unknown): string | undefined {
  const path = isMapping(item) ? item["class_path"] : undefined;
  return typeof path === "string" ? path : undefined;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
