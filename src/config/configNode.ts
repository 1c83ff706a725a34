import type { HparamValue } from "../core/lightningModule.js";
import type { Origin } from "./origin.js";

/** A value that has no parts. */
export type Scalar = null | boolean | number | string;

interface NodeCommon {
  readonly origin: Origin;
  /** The text it was parsed from, where that was one word of the command line: `--model.name 007` may mean "007". */
  readonly raw?: string;
  /** An init_arg that came from a config naming this other class: dropped when the new class does not take it. */
  readonly inheritedFrom?: string;
}

/** A number, a word, true, false or null. */
export interface ScalarNode extends NodeCommon {
  readonly kind: "scalar";
  readonly value: Scalar;
  /** Written as a float (1.0): for a limit that is a fraction, and 1 is a count. */
  readonly isFloat?: boolean;
}

/** A list. */
export interface ListNode extends NodeCommon {
  readonly kind: "list";
  readonly items: readonly ConfigNode[];
}

/** A key with where it stands, and its value. */
export interface Entry {
  readonly keyOrigin: Origin;
  readonly node: ConfigNode;
}

/** A mapping, in the order it was written. */
export interface MapNode extends NodeCommon {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Entry>;
}

/** A piece of a config that still knows where it was written. */
export type ConfigNode = ScalarNode | ListNode | MapNode;

/** A path into a config: keys and list positions. */
export type ConfigPath = readonly (string | number)[];

/** The node at a path, or undefined where there is none. */
export function nodeAt(node: ConfigNode | undefined, path: ConfigPath): ConfigNode | undefined {
  let current = node;
  for (const part of path) {
    if (current?.kind === "map") current = current.entries.get(String(part))?.node;
    else if (current?.kind === "list") current = current.items[Number(part)];
    else return undefined;
  }
  return current;
}

/** Plain data without the places. */
export function plainOf(node: ConfigNode): HparamValue {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(plainOf);
    case "map":
      return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plainOf(entry.node)]));
    default:
      node satisfies never;
      throw new TypeError("unreachable");
  }
}

/** A node of plain data, all of it from one place. */
export function nodeOf(value: unknown, origin: Origin): ConfigNode {
  if (Array.isArray(value)) return { kind: "list", origin, items: value.map((item) => nodeOf(item, origin)) };
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]): [string, Entry] => [
      key,
      { keyOrigin: origin, node: nodeOf(item, origin) },
    ]);
    return { kind: "map", origin, entries: new Map(entries) };
  }
  if (typeof value === "boolean" || typeof value === "number" || typeof value === "string") {
    return { kind: "scalar", origin, value };
  }
  return { kind: "scalar", origin, value: null };
}

/** A map with one entry. */
export function mapOf(key: string, node: ConfigNode, origin: Origin): MapNode {
  return { kind: "map", origin, entries: new Map([[key, { keyOrigin: origin, node }]]) };
}

/** A map without entries. */
export function emptyMap(origin: Origin): MapNode {
  return { kind: "map", origin, entries: new Map() };
}

/** The map with one entry set. */
export function withEntry(map: MapNode, key: string, entry: Entry): MapNode {
  return { ...map, entries: new Map([...map.entries, [key, entry]]) };
}

/** What a node holds, as a complaint quotes it: short. */
export function quoteNode(node: ConfigNode): string {
  switch (node.kind) {
    case "scalar":
      if (typeof node.value === "string") return JSON.stringify(shorten(node.value));
      if (node.isFloat === true && Number.isInteger(node.value)) return `${String(node.value)}.0`;
      return String(node.value);
    case "list":
      return node.items.length === 0 ? "an empty list" : `a list of ${node.items.length}`;
    case "map": {
      const keys = [...node.entries.keys()];
      return keys.length === 0 ? "an empty mapping" : `a mapping with ${shorten(keys.join(", "))}`;
    }
    default:
      node satisfies never;
      throw new TypeError("unreachable");
  }
}

const LONGEST_QUOTE = 60;

function shorten(text: string): string {
  return text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE - 1)}…`;
}
