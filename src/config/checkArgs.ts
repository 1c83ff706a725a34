import type { z } from "zod";
import { nearest } from "../nearest.js";
import type { Complaints } from "./complaints.js";
import { dotted } from "./complaints.js";
import type { ConfigNode, ConfigPath, Entry, MapNode } from "./configNode.js";
import { nodeAt, plainOf, quoteNode } from "./configNode.js";
import { expectationOf } from "./expectation.js";
import type { Origin } from "./origin.js";

/** Where a mapping of arguments stands, and who hears what is wrong with it. */
export interface ArgsContext {
  /** The path of the mapping: ["model", "init_args"]. */
  readonly path: ConfigPath;
  /** Where the mapping, or the class it should belong to, is written. */
  readonly origin: Origin;
  readonly complaints: Complaints;
  /** Told the arguments that a former class left behind and this one does not take. */
  readonly onDropped?: (key: string, formerClass: string) => void;
}

/** A zod object's fields, as far as they are needed here; a user's own zod has the same. */
export type ArgsShape = Readonly<Record<string, z.core.$ZodType & Pick<z.ZodType, "safeParse">>>;

/** Arguments after checking. */
export interface CheckedArgs {
  /** As the schema gives them, defaults filled in. */
  readonly args: Record<string, unknown>;
  /** As they were written, without those left out. */
  readonly written: Record<string, unknown>;
}

/**
 * The arguments of a mapping, checked one by one against a schema, with its defaults filled in. Complaints name the
 * place of each; undefined when there were any.
 */
export function checkArgs(
  shape: ArgsShape,
  node: MapNode | undefined,
  context: ArgsContext,
  options: { readonly allowUnknown?: boolean } = {},
): CheckedArgs | undefined {
  const before = context.complaints.count;
  const args: Record<string, unknown> = {};
  const written: Record<string, unknown> = {};
  const entries = new Map(node?.entries ?? []);
  for (const [key, field] of Object.entries(shape)) {
    const entry = entries.get(key);
    entries.delete(key);
    const kept = entry === undefined ? undefined : checkArg(key, entry, field, context);
    if (kept !== undefined) {
      args[key] = kept.value;
      written[key] = kept.written;
    } else if (entry === undefined || entry.node.inheritedFrom !== undefined) useDefault(key, field, args, context);
  }
  for (const [key, entry] of entries) {
    if (options.allowUnknown === true && entry.node.inheritedFrom === undefined) {
      args[key] = written[key] = plainOf(entry.node);
    } else rejectUnknown(key, entry, Object.keys(shape), context);
  }
  return context.complaints.count === before ? { args, written } : undefined;
}

function checkArg(
  key: string,
  entry: Entry,
  field: ArgsShape[string],
  context: ArgsContext,
): { readonly value: unknown; readonly written: unknown } | undefined {
  const { node } = entry;
  const written = plainOf(node);
  const result = field.safeParse(written);
  if (result.success) return { value: result.data, written };
  if (node.raw !== undefined) {
    // One word of the command line: where the value YAML made of it does not fit, the word itself may.
    const asText = field.safeParse(node.raw);
    if (asText.success) return { value: asText.data, written: node.raw };
  }
  if (node.inheritedFrom !== undefined) {
    context.onDropped?.(key, node.inheritedFrom);
    return undefined;
  }
  for (const issue of firstIssues(result.error.issues)) complainAbout(issue, key, node, field, context);
  return undefined;
}

/** One complaint per place is enough. */
function firstIssues(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const places = new Set<string>();
  return issues.filter((issue) => {
    const place = JSON.stringify(issue.path.map(String));
    return !places.has(place) && places.add(place);
  });
}

function complainAbout(
  issue: z.core.$ZodIssue,
  key: string,
  node: ConfigNode,
  field: z.core.$ZodType,
  { path, complaints }: ArgsContext,
): void {
  const inner = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  const wrong = nodeAt(node, inner) ?? node;
  const name = dotted([...path, key, ...inner]);
  if (issue.code === "unrecognized_keys") {
    complaints.add(wrong.origin, name, `takes no ${issue.keys.join(", ")}`);
    return;
  }
  const expected = inner.length === 0 ? expectationOf(field) : EXPECTED_TYPES[issueType(issue)];
  const custom = issue.code === "custom" && issue.message !== "Invalid input";
  const text = custom || expected === undefined ? lowerFirst(issue.message) : `expected ${expected}`;
  complaints.add(wrong.origin, name, `${text}, found ${quoteNode(wrong)}${remark(wrong)}`);
}

const EXPECTED_TYPES: Readonly<Record<string, string>> = {
  number: "a number",
  int: "an integer",
  string: "text",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

function issueType(issue: z.core.$ZodIssue): string {
  return issue.code === "invalid_type" ? issue.expected : "";
}

/** Words of Python's that are not YAML's. */
function remark(node: ConfigNode): string {
  return node.kind === "scalar" && node.value === "None" ? " (in YAML it is null)" : "";
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function useDefault(key: string, field: ArgsShape[string], args: Record<string, unknown>, context: ArgsContext): void {
  const result = field.safeParse(undefined);
  if (!result.success) {
    context.complaints.add(
      context.origin,
      dotted([...context.path, key]),
      `is missing: expected ${expectationOf(field)}`,
    );
  } else if (result.data !== undefined) args[key] = result.data;
}

function rejectUnknown(key: string, entry: Entry, names: readonly string[], context: ArgsContext): void {
  if (entry.node.inheritedFrom !== undefined) {
    context.onDropped?.(key, entry.node.inheritedFrom);
    return;
  }
  context.complaints.add(entry.keyOrigin, dotted([...context.path, key]), unknownKey(key, names));
}

/** The sentence about a key that nobody knows. */
export function unknownKey(key: string, names: readonly string[]): string {
  const near = nearest(key, names);
  if (near !== undefined) return `there is no such key; did you mean ${near}?`;
  return names.length === 0
    ? "there is no such key: it takes no arguments"
    : `there is no such key; there is ${names.join(", ")}`;
}
