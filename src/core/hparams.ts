import { LtrainError } from "../errors.js";

/** A hyperparameter: what YAML, JSON and pickle can all carry. */
export type HparamValue =
  null | boolean | number | string | readonly HparamValue[] | { readonly [key: string]: HparamValue };

/** Constructor arguments by their name in YAML and in the checkpoint. */
export type Hparams = Readonly<Record<string, HparamValue>>;

/** How hyperparameters are kept: Lightning's arguments of save_hyperparameters. */
export interface SaveHyperparametersOptions {
  /** Arguments that are left out: a module, a function, a secret. */
  readonly ignore?: string | readonly string[];
  /**
   * What Python's constructor calls the one argument that holds all of these: `conf` for `__init__(self, conf)`. Without
   * it they are arguments of their own.
   */
  readonly name?: string;
  /** false: not for the loggers. */
  readonly logger?: boolean;
}

/** Hyperparameters as they are kept. */
export interface KeptHparams {
  readonly values: Hparams;
  /** The file's hparams_name. */
  readonly name: string;
  /** Whether loggers are given them. */
  readonly logger: boolean;
}

/** None yet. */
export const NO_HPARAMS: KeptHparams = { values: {}, name: "kwargs", logger: true };

/** What is kept after further arguments; a value that some reader of the file could not have is user.failed. */
export function keepHparams(
  before: KeptHparams,
  args: object,
  options: SaveHyperparametersOptions,
  owner: string,
): KeptHparams {
  const { ignore = [], name = before.name, logger = true } = options;
  const ignored = new Set(typeof ignore === "string" ? [ignore] : ignore);
  const kept = Object.entries(args).filter(([key, value]) => !ignored.has(key) && value !== undefined);
  const values = kept.map(([key, value]): [string, HparamValue] => [key, checked(value, [key], owner)]);
  return { values: { ...before.values, ...Object.fromEntries(values) }, name, logger };
}

function checked(value: unknown, path: readonly (string | number)[], owner: string): HparamValue {
  if (path.length > MAX_DEPTH) throw refused("is nested too deep, or in itself", path, owner);
  switch (typeof value) {
    case "boolean":
    case "string":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      throw refused(`is ${value}, which JSON cannot carry`, path, owner);
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return value.map((item, index) => checked(item, [...path, index], owner));
      if (!isPlain(value)) throw refused(`is a ${value.constructor.name}`, path, owner);
      return Object.fromEntries(
        Object.entries(value)
          .filter(([, item]) => item !== undefined)
          .map(([key, item]) => [key, checked(item, [...path, key], owner)]),
      );
    default:
      throw refused(`is a ${typeof value}`, path, owner);
  }
}

/** Deeper is nothing that anybody writes. */
const MAX_DEPTH = 64;

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Object.prototype, of whichever realm, is the one that has none itself.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function refused(what: string, path: readonly (string | number)[], owner: string): LtrainError {
  const name = path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
  return new LtrainError("user.failed", `${owner}.saveHyperparameters: ${name} ${what}`, {
    hint:
      "numbers, text, true, false, null, and lists and plain objects of them can be kept; " +
      `leave it out: saveHyperparameters(args, { ignore: ["${String(path[0])}"] })`,
  });
}
