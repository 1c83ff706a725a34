import type { HparamValue } from "../core/lightningModule.js";
import { LtrainError } from "../errors.js";
import type { ArgsShape } from "./checkArgs.js";
import { checkArgs, unknownKey } from "./checkArgs.js";
import type { Builders, ClassEntry, ClassKind, InitArgs } from "./classEntry.js";
import { KINDS } from "./classEntry.js";
import type { Complaints } from "./complaints.js";
import { dotted } from "./complaints.js";
import type { ClassConfig } from "./config.js";
import type { ConfigNode, ConfigPath, MapNode, ScalarNode } from "./configNode.js";
import { nodeAt, quoteNode } from "./configNode.js";
import { INIT_FROM } from "./initFrom.js";
import { inputPath } from "./inputPath.js";
import type { Origin } from "./origin.js";
import { folderOf, placeOf } from "./origin.js";
import { extendsBase, findBuiltIn, unknownClass } from "./registry.js";
import type { UserConstructor } from "./userModule.js";
import { display, loadUserClass, parseUserClassPath, placeInStack } from "./userModule.js";

/** A class of a config, found and its arguments checked: what is kept of it, and how to make it. */
export interface ResolvedClass<Kind extends ClassKind> {
  readonly kind: Kind;
  /** In full: a user's file as an absolute path, defaults filled in. */
  readonly config: ClassConfig;
  /** Make the object; what its constructor throws is user.failed and names the place in the config. */
  readonly build: (...given: Tail<Parameters<Builders[Kind]>>) => ReturnType<Builders[Kind]>;
}

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest] ? Rest : never;

/** What is heard while classes are resolved. */
export interface ResolveContext {
  readonly complaints: Complaints;
  /** Remarks that are no mistakes, for people. */
  readonly notes: string[];
}

/** Find the class a node names and check its init_args; undefined after a complaint. */
export async function resolveClass<Kind extends ClassKind>(
  kind: Kind,
  node: ConfigNode,
  path: ConfigPath,
  context: ResolveContext,
): Promise<ResolvedClass<Kind> | undefined> {
  const { complaints } = context;
  if (node.kind !== "map") {
    complaints.add(node.origin, dotted(path), `expected a class_path and init_args, found ${quoteNode(node)}`);
    return undefined;
  }
  rejectOtherKeys(node, path, complaints);
  const classPath = nodeAt(node, ["class_path"]);
  if (classPath?.kind !== "scalar" || typeof classPath.value !== "string") {
    const found =
      classPath === undefined ? "is missing" : `expected the name of a class, found ${quoteNode(classPath)}`;
    complaints.add(classPath?.origin ?? node.origin, dotted([...path, "class_path"]), found);
    return undefined;
  }
  const initArgs = nodeAt(node, ["init_args"]);
  const isNothing = initArgs?.kind === "scalar" && initArgs.value === null;
  if (initArgs !== undefined && initArgs.kind !== "map" && !isNothing) {
    complaints.add(initArgs.origin, dotted([...path, "init_args"]), `expected a mapping, found ${quoteNode(initArgs)}`);
    return undefined;
  }
  const args = initArgs?.kind === "map" ? initArgs : undefined;
  const entry = findBuiltIn(kind, classPath.value);
  return entry === undefined
    ? resolveUserClass(kind, { ...classPath, value: classPath.value }, args, path, context)
    : resolveBuiltIn(entry, classPath.origin, args, path, context);
}

function rejectOtherKeys(node: MapNode, path: ConfigPath, complaints: Complaints): void {
  const known = ["class_path", "init_args", ...(path.length === 1 && path[0] === "model" ? [INIT_FROM] : [])];
  for (const [key, entry] of node.entries) {
    if (known.includes(key)) continue;
    const isArgument = nodeAt(node, ["class_path"]) !== undefined;
    const text = isArgument ? `${unknownKey(key, known)} (an argument stands under init_args)` : unknownKey(key, known);
    complaints.add(entry.keyOrigin, dotted([...path, key]), text);
  }
}

async function resolveBuiltIn<Kind extends ClassKind>(
  entry: ClassEntry<Kind>,
  origin: Origin,
  node: MapNode | undefined,
  path: ConfigPath,
  context: ResolveContext,
): Promise<ResolvedClass<Kind> | undefined> {
  const checked = checkArgs(entry.args.shape, node, {
    path: [...path, "init_args"],
    origin: node?.origin ?? origin,
    complaints: context.complaints,
    onDropped: droppedNote(entry.name, context),
  });
  if (checked === undefined) return undefined;
  const { args } = checked;
  for (const key of entry.inputPaths ?? []) {
    const value = args[key];
    if (typeof value === "string") args[key] = await inputPath(value, nodeAt(node, [key])?.origin ?? origin);
  }
  const whole = entry.args.safeParse(args);
  if (!whole.success) {
    const [issue] = whole.error.issues;
    context.complaints.add(
      node?.origin ?? origin,
      dotted([...path, "init_args"]),
      issue?.message ?? "do not fit together",
    );
    return undefined;
  }
  const builder = await entry.load();
  const config = { class_path: entry.name, init_args: args as Record<string, HparamValue> };
  return { kind: entry.kind, config, build: guarded(entry.kind, builder, args, { name: entry.name, origin }) };
}

async function resolveUserClass<Kind extends ClassKind>(
  kind: Kind,
  classPath: ScalarNode & { readonly value: string },
  node: MapNode | undefined,
  path: ConfigPath,
  context: ResolveContext,
): Promise<ResolvedClass<Kind> | undefined> {
  const { complaints } = context;
  const key = dotted([...path, "class_path"]);
  const parsed = parseUserClassPath(classPath.value, folderOf(classPath.origin));
  if (parsed === undefined) {
    complaints.add(classPath.origin, key, unknownClass(kind, classPath.value), "config.unknownClass");
    return undefined;
  }
  const result = await loadUserClass(parsed);
  if ("problem" in result) {
    complaints.add(classPath.origin, key, result.problem, "config.unknownClass");
    return undefined;
  }
  const { label, base } = KINDS[kind];
  if (!extendsBase(kind, result.found.prototype)) {
    const way = `let it ${kind === "logger" ? "implement" : "extend"} ${base} from "ltrain"`;
    complaints.add(
      classPath.origin,
      key,
      `${parsed.exportName} in ${display(parsed.file)} is not a ${label}: ${way}`,
      "config.unknownClass",
    );
    return undefined;
  }
  const args = userArgs(result.found, node, [...path, "init_args"], classPath.origin, parsed.exportName, context);
  if (args === undefined) return undefined;
  const config = { class_path: `${parsed.file}:${parsed.exportName}`, init_args: args.kept };
  const source = {
    name: `${parsed.exportName} in ${display(parsed.file)}`,
    file: parsed.file,
    origin: classPath.origin,
  };
  return { kind, config, build: guarded(kind, userBuilder(kind, result.found), args.given, source) };
}

/** What a user's constructor is called with, as built-in ones are. */
function userBuilder<Kind extends ClassKind>(kind: Kind, constructor: UserConstructor): Builders[Kind] {
  const first = kind === "optimizer" || kind === "lr_scheduler"; // torch's order: what they work on comes first
  const build = (args: InitArgs, given: unknown): object =>
    first ? new constructor(given, args) : new constructor(args);
  return build as unknown as Builders[Kind]; // extendsBase has looked at what comes out
}

/** The arguments of a user's class: checked against its `static initArgs` where it has one, else as they are. */
function userArgs(
  constructor: UserConstructor,
  node: MapNode | undefined,
  path: ConfigPath,
  origin: Origin,
  name: string,
  context: ResolveContext,
): { readonly kept: Record<string, HparamValue>; readonly given: InitArgs } | undefined {
  const schema = asSchema(constructor.initArgs);
  const checked = checkArgs(
    schema?.shape ?? {},
    node,
    { path, origin: node?.origin ?? origin, complaints: context.complaints, onDropped: droppedNote(name, context) },
    { allowUnknown: schema?.isOpen ?? true },
  );
  if (checked === undefined) return undefined;
  const kept = checked.written as Record<string, HparamValue>;
  const whole = schema?.safeParse(kept);
  if (whole === undefined) return { kept, given: kept };
  if (whole.success) return { kept, given: whole.data as InitArgs };
  for (const issue of whole.error.issues) {
    const wrong = nodeAt(node, issue.path.map(String)) ?? node;
    context.complaints.add(wrong?.origin ?? origin, dotted([...path, ...issue.path.map(String)]), issue.message);
  }
  return undefined;
}

interface UserSchema {
  readonly shape: ArgsShape;
  /** Whether it takes keys that it does not name. */
  readonly isOpen: boolean;
  safeParse(value: unknown): SafeParseResult;
}

type SafeParseResult =
  | { readonly success: true; readonly data: unknown }
  | {
      readonly success: false;
      readonly error: {
        readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
      };
    };

/** A zod schema, of whichever copy of zod made it. */
function asSchema(value: unknown): UserSchema | undefined {
  if (typeof value !== "object" || value === null || !("safeParse" in value)) return undefined;
  const schema = value as {
    safeParse: UserSchema["safeParse"];
    shape?: ArgsShape;
    def?: { catchall?: { type?: string } };
  };
  const catchall = schema.def?.catchall?.type;
  return {
    shape: schema.shape ?? {},
    isOpen: schema.shape === undefined || (catchall !== undefined && catchall !== "never"),
    safeParse: (input) => schema.safeParse(input),
  };
}

function droppedNote(name: string, { notes }: ResolveContext): (key: string, formerClass: string) => void {
  return (key, formerClass) => {
    notes.push(`the class changed from ${formerClass} to ${name}, which takes no such ${key}: it is left out`);
  };
}

/** Where a class comes from, for messages. */
interface ClassSource {
  readonly name: string;
  readonly origin: Origin;
  /** The user's file. */
  readonly file?: string;
}

/** The builder with its arguments; what it throws is put down to its place in the config. */
function guarded<Kind extends ClassKind>(
  kind: Kind,
  builder: Builders[Kind],
  args: InitArgs,
  { name, origin, file }: ClassSource,
): ResolvedClass<Kind>["build"] {
  const call = builder as unknown as (args: InitArgs, ...given: readonly unknown[]) => ReturnType<Builders[Kind]>;
  return (...given) => {
    try {
      return call(args, ...given);
    } catch (error) {
      if (error instanceof LtrainError) throw withPlace(error, origin);
      if (!(error instanceof Error)) throw error;
      const place = file === undefined ? undefined : placeInStack(error, file);
      const text = `${placeOf(origin)}: the ${KINDS[kind].label} ${name} cannot be made: ${error.name}: ${error.message}`;
      throw new LtrainError("user.failed", text, {
        cause: error,
        ...(place === undefined ? {} : { hint: `thrown at ${place}` }),
      });
    }
  };
}

/** What a built-in constructor refuses is a mistake of the config. */
function withPlace(error: LtrainError, origin: Origin): LtrainError {
  if (error.code !== "config.invalid" && error.code !== "argument.invalid") return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new LtrainError("config.invalid", `${placeOf(origin)}: ${error.message}`, { cause: error, ...hint });
}
