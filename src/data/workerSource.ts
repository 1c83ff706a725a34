import { LtrainError } from "../errors.js";

/**
 * How a thread makes an object anew: what torch's workers find in a pickle. A module exports `name`, a class or a
 * function, and it is given `args`.
 */
export interface WorkerSource {
  /** The file's URL: `import.meta.url` where the class is written. */
  readonly module: string;
  readonly name: string;
  /**
   * Plain values and typed arrays, which are copied to each thread (not where they lie in a SharedArrayBuffer), and
   * objects that have a `toWorker` themselves.
   */
  readonly args: readonly unknown[];
}

/** The module of a WorkerSource whose `name` ltrain/data exports. */
export const OWN_MODULE = "ltrain/data";

/** A WorkerSource as it travels: what has a `toWorker` has become its own source. */
export type PackedSource =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "made"; readonly module: string; readonly name: string; readonly args: readonly PackedSource[] };

/** Finds what a module exports. */
export type ImportModule = (module: string) => Promise<Readonly<Record<string, unknown>>>;

/** Take an object apart for its way to a thread; argument.invalid where it cannot be made there. */
export function packSource(object: object): PackedSource {
  const source = sourceOf(object);
  if (source === undefined) throw cannotTravel(object);
  const { module, name, args } = source;
  return { kind: "made", module, name, args: args.map(packArgument) };
}

/** Make the object of a PackedSource. */
export async function unpackSource(packed: PackedSource, load: ImportModule): Promise<unknown> {
  if (packed.kind === "value") return packed.value;
  const { module, name } = packed;
  const made = (await load(module))[name];
  if (typeof made !== "function") throw new LtrainError("argument.invalid", `${module} exports no ${name}`);
  const args: unknown[] = [];
  for (const each of packed.args) args.push(await unpackSource(each, load));
  // Arrows and async functions are no constructors; a function that is one may return an object all the same.
  const isConstructor = (made as { readonly prototype?: unknown }).prototype !== undefined;
  return isConstructor ? Reflect.construct(made, args) : (made as (...args: unknown[]) => unknown)(...args);
}

function packArgument(value: unknown): PackedSource {
  if (typeof value === "function") throw cannotTravel(value);
  if (typeof value !== "object" || value === null) return { kind: "value", value };
  return sourceOf(value) === undefined && isPlain(value) ? { kind: "value", value } : packSource(value);
}

function sourceOf(object: object): WorkerSource | undefined {
  return (object as { toWorker?(): WorkerSource }).toWorker?.();
}

/** What structuredClone copies whole: an instance of a class would arrive without its methods. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isRecord = prototype === null || Object.getPrototypeOf(prototype) === null;
  const holders = [Array, Map, Set, Date, RegExp, ArrayBuffer, SharedArrayBuffer];
  return isRecord || ArrayBuffer.isView(value) || holders.some((holder) => value instanceof holder);
}

function cannotTravel(object: object): LtrainError {
  const name = typeof object === "function" ? `the function ${object.name}` : object.constructor.name;
  return new LtrainError("argument.invalid", `${name} cannot be made in a data worker: it has no toWorker()`, {
    hint:
      `give it \`toWorker() { return { module: import.meta.url, name: "${typeof object === "function" ? "makeData" : name}", args: [...] } }\` ` +
      "with the arguments that make it, or set num_workers to 0",
  });
}
