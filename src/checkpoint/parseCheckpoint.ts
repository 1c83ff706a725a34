import { LtrainError } from "../errors.js";
import { asDict, asNumber } from "../pickle/convert.js";
import { PyDict, PyObject } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { StoredTensor } from "../storage/storedTensor.js";
import type { Checkpoint, HyperParameters, PrecisionState, StateDict } from "./checkpoint.js";
import { CHECKPOINT_KEYS, emptyCheckpoint } from "./checkpoint.js";
import { className, describeValue } from "./describeValue.js";
import { migrateCheckpoint } from "./migrateCheckpoint.js";

/**
 * The tree of a file as a Checkpoint. A dict of tensors alone is a bare state_dict; a dict without state_dict keeps
 * everything in `rest`. What is there must have the right type: a complaint names the key, and `path` if it is given.
 */
export function parseCheckpoint(root: PyValue, path?: string): Checkpoint {
  try {
    return parseRoot(root);
  } catch (error) {
    if (!(error instanceof LtrainError) || path === undefined) throw error;
    throw new LtrainError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

function parseRoot(root: PyValue): Checkpoint {
  if (!(root instanceof PyDict)) {
    throw new LtrainError(
      "checkpoint.notACheckpoint",
      `a checkpoint is a dict, and this file holds ${describeKind(root)}`,
    );
  }
  if (isBareStateDict(root)) return { ...emptyCheckpoint(), stateDict: parseStateDict(root) };
  return new CheckpointParser(migrateCheckpoint(root)).parse();
}

/** Whether a tree is a state_dict by itself, as `torch.save(model.state_dict())` leaves it. */
export function isBareStateDict(root: PyValue): boolean {
  if (!(root instanceof PyDict) || root.size === 0 || root.has(CHECKPOINT_KEYS.stateDict)) return false;
  const isNamed = root.keys().every((key) => typeof key === "string");
  return isNamed && [...root].some(([, value]) => value instanceof StoredTensor) && [...root].every(isStateDictEntry);
}

/** A state_dict holds tensors, and whatever modules return from get_extra_state. */
function isStateDictEntry([key, value]: readonly [PyValue, PyValue]): boolean {
  return value instanceof StoredTensor || (typeof key === "string" && key.endsWith("_extra_state"));
}

/** Takes the keys it knows out of a dict, one by one; what is left at the end is `rest`. */
class CheckpointParser {
  readonly #left: Map<string, PyValue>;

  constructor(root: PyDict) {
    this.#left = new Map([...root].map(([key, value]) => [typeof key === "string" ? key : describeValue(key), value]));
  }

  parse(): Checkpoint {
    const epoch = this.#count(CHECKPOINT_KEYS.epoch);
    const globalStep = this.#count(CHECKPOINT_KEYS.globalStep);
    const known = {
      epoch,
      globalStep,
      lightningVersion: this.#version(),
      stateDict: this.#stateDict(),
      loops: this.#dict(CHECKPOINT_KEYS.loops),
      callbacks: this.#dict(CHECKPOINT_KEYS.callbacks),
      optimizerStates: this.#dicts(CHECKPOINT_KEYS.optimizerStates),
      lrSchedulers: this.#dicts(CHECKPOINT_KEYS.lrSchedulers),
      precision: this.#precision(),
      hyperParameters: this.#hyperParameters(CHECKPOINT_KEYS.hparamsName, CHECKPOINT_KEYS.hyperParameters),
      datamoduleHyperParameters: this.#hyperParameters(
        CHECKPOINT_KEYS.datamoduleHparamsName,
        CHECKPOINT_KEYS.datamoduleHyperParameters,
      ),
      ltrain: this.#ltrain(),
      datamodule: this.#datamodule(),
    };
    return { ...known, rest: this.#left };
  }

  #take(key: string): PyValue | undefined {
    const value = this.#left.get(key);
    this.#left.delete(key);
    return value;
  }

  #count(key: string): number {
    // Counters of old files and other tools may be floats; they count all the same.
    const value = this.#take(key) ?? 0;
    const number = asNumber(value);
    if (number !== undefined && Number.isSafeInteger(number) && number >= 0) return number;
    throw wrongType(key, "a count", value);
  }

  #version(): string | null {
    const value = this.#take(CHECKPOINT_KEYS.lightningVersion) ?? null;
    if (value === null || typeof value === "string") return value;
    throw wrongType(CHECKPOINT_KEYS.lightningVersion, "a string", value);
  }

  #stateDict(): StateDict {
    const value = this.#take(CHECKPOINT_KEYS.stateDict) ?? null;
    if (value === null) return { tensors: new Map(), versions: null };
    if (value instanceof PyDict) return parseStateDict(value);
    throw wrongType(CHECKPOINT_KEYS.stateDict, "a dict", value);
  }

  #dict(key: string): PyDict | null {
    const value = this.#take(key) ?? null;
    if (value === null || value instanceof PyDict) return value;
    throw wrongType(key, "a dict", value);
  }

  #dicts(key: string): readonly PyDict[] | null {
    const value = this.#take(key) ?? null;
    if (value === null) return null;
    if (!Array.isArray(value)) throw wrongType(key, "a list", value);
    return value.map((item, index) => {
      if (item instanceof PyDict) return item;
      throw wrongType(`${key}[${index}]`, "a dict", item);
    });
  }

  #precision(): PrecisionState | null {
    for (const [key, state] of this.#left) {
      if (!PRECISION_KEY.test(key) || !(state instanceof PyDict)) continue;
      this.#left.delete(key);
      return { key, state };
    }
    return null;
  }

  /** A Namespace or AttributeDict is taken as the dict it stands for; what is none at all stays in `rest`. */
  #hyperParameters(nameKey: string, valuesKey: string): HyperParameters | null {
    const values = asDict(this.#left.get(valuesKey));
    if (values === undefined) return null;
    this.#left.delete(valuesKey);
    const name = this.#left.get(nameKey);
    if (typeof name === "string") this.#left.delete(nameKey);
    return { name: typeof name === "string" ? name : null, values };
  }

  #ltrain(): PyDict | null {
    const value = this.#left.get(CHECKPOINT_KEYS.ltrain);
    if (!(value instanceof PyDict)) return null; // a stranger's key of that name
    this.#left.delete(CHECKPOINT_KEYS.ltrain);
    return value;
  }

  /** Lightning keeps a data module's state under its bare class name; a key that looks like a class is taken for it. */
  #datamodule(): Checkpoint["datamodule"] {
    for (const [key, state] of this.#left) {
      if (!CLASS_NAME.test(key)) continue;
      this.#left.delete(key);
      return { key, state };
    }
    return null;
  }
}

/** Class names of precision plugins through the versions, and what native AMP was called before them. */
const PRECISION_KEY = /(?:Precision|PrecisionPlugin)$|^native_amp_scaling_state$/;

/** A Python class's qualified name, as PEP 8 spells it. */
const CLASS_NAME = /^_*[A-Z][A-Za-z0-9_]*(?:\.(?:<locals>|[A-Za-z_][A-Za-z0-9_]*))*$/;

/** A dict with string keys as a state_dict: its tensors, their modules' versions, and what else is among them. */
export function parseStateDict(dict: PyDict): StateDict {
  const versions = parseVersions(dict.attributes?.get("_metadata"));
  const { named } = dict;
  if (named !== undefined && areTensors(named)) return { tensors: named, versions };
  const tensors = new Map<string, StoredTensor>();
  const extraState = new Map<string, PyValue>();
  for (const [key, value] of dict) {
    if (typeof key !== "string") throw wrongType(`state_dict[${describeValue(key)}]`, "named by a string", key);
    if (value instanceof StoredTensor) tensors.set(key, value);
    else extraState.set(key, value);
  }
  if (extraState.size === 0) return { tensors, versions };
  return { tensors, versions, extraState, order: Array.from(dict, ([key]) => key as string) };
}

/** Nearly every state_dict is a map of names to tensors as it is. */
function areTensors(named: ReadonlyMap<string, PyValue>): named is ReadonlyMap<string, StoredTensor> {
  for (const value of named.values()) if (!(value instanceof StoredTensor)) return false;
  return true;
}

function parseVersions(metadata: PyValue | undefined): ReadonlyMap<string, number> | null {
  if (!(metadata instanceof PyDict)) return null;
  const versions = new Map<string, number>();
  for (const [path, module] of metadata) {
    const version = module instanceof PyDict ? module.get("version") : undefined;
    if (typeof path === "string" && typeof version === "number") versions.set(path, version);
  }
  return versions;
}

function wrongType(key: string, expected: string, value: PyValue): LtrainError {
  return new LtrainError("checkpoint.malformed", `${key} should be ${expected}, and is ${describeValue(value)}`);
}

/** "a list of 3 items", "None", "an object of acme.Model": what a root that is no dict is, in words. */
export function describeKind(root: PyValue): string {
  if (Array.isArray(root)) return `a list of ${root.length} items`;
  if (root instanceof StoredTensor) return `one ${describeValue(root)}`;
  if (root instanceof PyObject) return `an object of ${className(root)}`;
  return describeValue(root);
}
