import type { Checkpoint, HyperParameters } from "../checkpoint/checkpoint.js";
import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import { atPath } from "../checkpoint/openCheckpoint.js";
import { plainTree } from "../checkpoint/plainTree.js";
import { LtrainError } from "../errors.js";
import { nearest } from "../nearest.js";
import type { IncompatibleKeys } from "../nn/loadState.js";
import { groupNames } from "../nn/loadState.js";
import type { Module } from "../nn/module.js";
import { toPlain } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { readTensor } from "../storage/strided.js";
import type { StoredHparams } from "./hparamsFile.js";
import { readHparamsFile } from "./hparamsFile.js";

/** How something is made anew from a checkpoint: Lightning's arguments of load_from_checkpoint. */
export interface LoadFromCheckpointOptions {
  /** false: names of the state_dict that only one side has are let pass and told; shapes must agree all the same. */
  readonly strict?: boolean;
  /** A hparams.yaml whose values take the place of those in the checkpoint. */
  readonly hparamsFile?: string | null;
  /** As in Lightning; there is nothing to choose: tensors of any device are read to the host, a Trainer places them. */
  readonly mapLocation?: string | null;
  /** Told what is not an error. */
  readonly onWarning?: (message: string) => void;
}

/** A class whose constructor takes its hyperparameters in one object. */
export type ClassWithHparams<T> = (new (args: never) => T) & { readonly initArgs?: unknown };

/** Some arguments of a class, to be taken in the place of those in the checkpoint. */
export type Overrides<C> = C extends new (args: infer Args) => unknown ? Partial<NonNullable<Args>> : never;

/** A module that takes its weights. */
interface Restored extends Module {
  onLoadCheckpoint?(checkpoint: Checkpoint): void | Promise<void>;
}

/** A data module that takes its state. */
interface WithState {
  loadStateDict?(state: PyDict): void | Promise<void>;
}

/** A module of a checkpoint: made of its hyperparameters, with its weights. */
export async function loadModule<C extends ClassWithHparams<Restored>>(
  Class: C,
  path: string,
  overrides: object,
  options: LoadFromCheckpointOptions,
): Promise<InstanceType<C>> {
  const { checkpoint, close } = await loadCheckpoint(path);
  try {
    const { made, asked } = await make(Class, path, checkpoint.hyperParameters, overrides, options);
    const module = made as unknown as Restored; // what ClassWithHparams<Restored> makes
    await module.onLoadCheckpoint?.(checkpoint);
    const tensors = new Map<string, HostTensor>();
    for (const [name, tensor] of checkpoint.stateDict.tensors) tensors.set(name, await readTensor(tensor));
    const write = (variable: { write: (value: HostTensor) => void }, value: HostTensor): void => {
      variable.write(value);
    };
    const strict = options.strict ?? true;
    try {
      tellIncompatible(module.loadState(tensors, write, { strict }), Class.name, options);
    } catch (error) {
      throw asked.length === 0 ? error : withHint(error, askedHint(Class.name, asked));
    }
    return made;
  } catch (error) {
    throw atPath(path, error);
  } finally {
    await close();
  }
}

/** A data module of a checkpoint: made of its hyperparameters, with its state. */
export async function loadDataModule<
  C extends ClassWithHparams<{ loadStateDict?(state: PyDict): void | Promise<void> }>,
>(Class: C, path: string, overrides: object, options: LoadFromCheckpointOptions): Promise<InstanceType<C>> {
  const { checkpoint, close } = await loadCheckpoint(path);
  try {
    const { made } = await make(Class, path, checkpoint.datamoduleHyperParameters, overrides, options);
    const { datamodule } = checkpoint;
    if (datamodule?.key === Class.name && datamodule.state instanceof PyDict) {
      await (made as unknown as WithState).loadStateDict?.(datamodule.state);
    }
    return made;
  } finally {
    await close();
  }
}

/** LightningCLI's remarks among the hyperparameters: how Python finds the class. */
const OF_THE_CLI = new Set(["_instantiator", "_class_path"]);

async function make<C extends ClassWithHparams<object>>(
  Class: C,
  path: string,
  stored: HyperParameters | null,
  overrides: object,
  { hparamsFile = null, onWarning }: LoadFromCheckpointOptions,
): Promise<Made<InstanceType<C>>> {
  const construct = (args: unknown): InstanceType<C> => new Class(args as never) as InstanceType<C>;
  const inFile = stored === null ? {} : (toPlain(plainTree(stored.values).root) as StoredHparams);
  const values = hparamsFile === null ? inFile : await readHparamsFile(hparamsFile);
  const given = Object.fromEntries(
    Object.entries({ ...values, ...overrides }).filter(([key, value]) => !OF_THE_CLI.has(key) && value !== undefined),
  );
  const schema = asSchema(Class.initArgs);
  if (schema !== undefined) return { made: construct(checkedBy(schema, given, { Class, path, overrides })), asked: [] };
  const watched = new WatchedArgs(given, stored?.name ?? null);
  let made: InstanceType<C>;
  try {
    made = construct(watched.args);
  } catch (error) {
    throw notMade(error, { Class, path, given, asked: watched.asked });
  }
  const idle = Object.keys(overrides).filter((key) => !watched.wasRead(key));
  if (idle.length > 0) onWarning?.(`${Class.name} has not looked at ${idle.join(", ")}`);
  return { made, asked: watched.asked };
}

/** What was made, and the names that it asked for in vain: it has their defaults, if there are any. */
interface Made<T> {
  readonly made: T;
  readonly asked: readonly string[];
}

/** Arguments that note which of them a constructor looks at, for the sentence about those that are not there. */
class WatchedArgs {
  readonly args: object;
  readonly #given: StoredHparams;
  readonly #read = new Set<string>();
  #readAll = false;

  /** `name` is what Python's constructor calls the argument that holds all of them, which may be asked for as well. */
  constructor(given: StoredHparams, name: string | null) {
    this.#given = given;
    this.args = new Proxy(given, {
      get: (target, key, receiver): unknown => {
        if (typeof key !== "string") return Reflect.get(target, key, receiver);
        this.#read.add(key);
        if (key === name && !Object.hasOwn(target, key)) return target;
        return Object.hasOwn(target, key) ? target[key] : Reflect.get(Object.prototype, key);
      },
      ownKeys: (target) => {
        this.#readAll = true;
        return Reflect.ownKeys(target);
      },
    });
  }

  /** Names that were asked for and are not there. */
  get asked(): readonly string[] {
    return [...this.#read].filter((key) => !Object.hasOwn(this.#given, key) && !(key in Object.prototype));
  }
  wasRead(key: string): boolean {
    return this.#readAll || this.#read.has(key);
  }
}

interface Making {
  readonly Class: { readonly name: string };
  readonly path: string;
}

function notMade(
  error: unknown,
  { Class, path, given, asked }: Making & { readonly given: StoredHparams; readonly asked: readonly string[] },
): unknown {
  if (!(error instanceof Error)) return error;
  const names = Object.keys(given);
  const from = names.length === 0 ? "the file has no hyperparameters" : `from ${names.join(", ")}`;
  const text = error instanceof LtrainError ? error.message : `${error.name}: ${error.message}`;
  return new LtrainError("checkpoint.mismatch", `${path}: ${Class.name} cannot be made (${from}): ${text}`, {
    cause: error,
    ...(asked.length > 0 && { hint: askedHint(Class.name, asked) }),
  });
}

function askedHint(name: string, asked: readonly string[]): string {
  const [first = "name"] = asked;
  return `${name} asks for ${asked.join(", ")}, not in the file: ${name}.loadFromCheckpoint(path, { ${first}: ... })`;
}

function withHint(error: unknown, hint: string): unknown {
  if (!(error instanceof LtrainError) || error.hint !== undefined) return error;
  return new LtrainError(error.code, error.message, { cause: error, hint });
}

function tellIncompatible(
  { missing, unexpected }: IncompatibleKeys,
  model: string,
  { onWarning }: LoadFromCheckpointOptions,
): void {
  if (missing.length > 0) onWarning?.(`not in the checkpoint, so ${model} keeps its own: ${groupNames(missing)}`);
  if (unexpected.length > 0) onWarning?.(`in the checkpoint and not in ${model}: ${groupNames(unexpected)}`);
}

/** A zod schema of a class's arguments, of whichever copy of zod made it. */
interface ArgsSchema {
  readonly shape: Readonly<Record<string, unknown>>;
  safeParse(value: unknown): {
    readonly success: boolean;
    readonly data?: unknown;
    readonly error?: {
      readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
    };
  };
}

function asSchema(value: unknown): ArgsSchema | undefined {
  const isObject = typeof value === "object" && value !== null && "safeParse" in value && "shape" in value;
  return isObject ? (value as ArgsSchema) : undefined;
}

/** As in Lightning, stored values that the constructor does not take are left out; overrides must be ones that it takes. */
function checkedBy(
  schema: ArgsSchema,
  given: StoredHparams,
  { Class, path, overrides }: Making & { readonly overrides: object },
): unknown {
  const names = Object.keys(schema.shape);
  for (const key of Object.keys(overrides)) {
    if (names.includes(key)) continue;
    const near = nearest(key, names);
    const way = near === undefined ? `it takes ${names.join(", ") || "none"}` : `did you mean ${near}?`;
    throw new LtrainError("argument.invalid", `${Class.name} takes no ${key}; ${way}`);
  }
  const result = schema.safeParse(Object.fromEntries(Object.entries(given).filter(([key]) => names.includes(key))));
  if (result.success) return result.data;
  const issues = (result.error?.issues ?? []).map(({ path: at, message }) => {
    const [name = ""] = at;
    return Object.hasOwn(given, name)
      ? `${at.map(String).join(".")}: ${message}`
      : `${String(name)} is missing: the file does not have it`;
  });
  const first = result.error?.issues[0]?.path[0];
  throw new LtrainError("checkpoint.mismatch", [`${path}: ${Class.name} cannot be made`, ...issues].join("\n  "), {
    hint: `give it: ${Class.name}.loadFromCheckpoint(path, { ${String(first ?? "name")}: ... })`,
  });
}
