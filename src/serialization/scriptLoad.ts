import { LtrainError } from "../errors.js";
import { readPickle } from "../pickle/unpickler.js";
import type { Unpickled } from "../pickle/unpickler.js";
import { asItems } from "../pickle/convert.js";
import { PyDict, PyGlobal, PyObject } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { ArchiveStorages } from "./archiveStorages.js";
import type { TorchArchive } from "./torchArchive.js";
import { findTorchClass } from "./torchGlobals.js";

/** A TorchScript archive: the weights of a program, which itself is left where it is. */
export interface ScriptFile {
  /**
   * The state_dict that `torch.jit.load(file).state_dict()` gives. Its attribute `constants` is a list of the tensors
   * that freezing folded into the program, `attributes` a dict of tensors that are neither parameter nor buffer.
   */
  readonly value: PyDict;
  readonly protocol: number;
  readonly globals: readonly PyGlobal[];
  /** The program's source files: `code/__torch__.py`. */
  readonly codeFiles: readonly string[];
}

/** Read the weights of a TorchScript archive; its code is searched for the names of parameters, and never run. */
export async function loadScript(archive: TorchArchive): Promise<ScriptFile> {
  const [data, constants] = await Promise.all([readRecord(archive, "data"), readRecord(archive, "constants")]);
  const codeFiles = [...archive.archive.entries.keys()]
    .map((name) => name.slice(archive.prefix.length + 1))
    .filter((name) => name.startsWith("code/") && name.endsWith(".py"));
  const collector = new WeightCollector(new ScriptCode(archive));
  if (data.value instanceof PyObject) await collector.collect(data.value, "");
  const { weights, attributes, modules } = collector;
  const versions = modules.map((path) => [path, PyDict.from({ version: 1 })] as const);
  const beside = PyDict.from({ _metadata: new PyDict(versions, "OrderedDict") });
  const folded = (asItems(constants.value) ?? []).filter((each) => each instanceof StoredTensor);
  if (folded.length > 0) beside.set("constants", folded);
  if (attributes.size > 0) beside.set("attributes", attributes);
  weights.attributes = beside;
  return {
    value: weights,
    protocol: data.protocol,
    globals: [...data.globals, ...constants.globals],
    codeFiles,
  };
}

/** `data.pkl` with its storages in `data/`, `constants.pkl` with its own in `constants/`. */
async function readRecord(archive: TorchArchive, name: "data" | "constants"): Promise<Unpickled> {
  const storages = new ArchiveStorages(archive.recordsIn(`${name}/`), archive.byteOrder);
  return readPickle(await archive.bytes(`${name}.pkl`), {
    name: `${archive.prefix}/${name}.pkl`,
    persistentLoad: (id) => storages.load(id),
    findClass: findTorchClass,
  });
}

/**
 * Characters of the names of all modules and their tensors: a module that is used twice is named twice, so thirty in each
 * other, twice each, would be a thousand million names. Ten thousand real ones need a quarter of this.
 */
const MAX_NAMES_LENGTH = 1 << 22;

/** Goes through the modules as state_dict() does: parameters, buffers, then the modules inside. */
class WeightCollector {
  readonly weights = new PyDict([], "OrderedDict");
  readonly attributes = new PyDict();
  /** Paths of the modules, "" for the root. */
  readonly modules: string[] = [];
  readonly #code: ScriptCode;
  /** A module that is used twice is listed under both names; one inside itself is not entered again. */
  readonly #path = new Set<PyObject>();
  #namesLength = 0;

  constructor(code: ScriptCode) {
    this.#code = code;
  }

  async collect(module: PyObject, prefix: string): Promise<void> {
    if (!(module.state instanceof PyDict) || this.#path.has(module)) return;
    this.#spell(prefix);
    this.#path.add(module);
    this.modules.push(prefix.slice(0, -1));
    const slots = new Map<string, PyValue>();
    for (const [name, value] of module.state) if (typeof name === "string") slots.set(name, value);
    const declared = await this.#code.declared(module.className);
    for (const name of declared ?? slots.keys()) this.#take(slots, name, prefix, this.weights);
    for (const name of slots.keys()) this.#take(slots, name, prefix, this.attributes);
    for (const [name, value] of slots) {
      if (value instanceof PyObject && (await this.#code.isModule(value))) {
        await this.collect(value, `${prefix}${name}.`);
      }
    }
    this.#path.delete(module);
  }

  #take(slots: Map<string, PyValue>, name: string, prefix: string, into: PyDict): void {
    const value = slots.get(name);
    if (!(value instanceof StoredTensor)) return;
    slots.delete(name);
    this.#spell(prefix + name);
    into.set(`${prefix}${name}`, detached(value));
  }

  #spell(name: string): void {
    this.#namesLength += name.length + 1;
    if (this.#namesLength <= MAX_NAMES_LENGTH) return;
    throw new LtrainError(
      "checkpoint.malformed",
      `the program's modules and tensors have names of more than ${MAX_NAMES_LENGTH} characters together, ` +
        `at ${name.length > 100 ? `${name.slice(0, 100)}...` : name}`,
      { hint: "its modules lie in each other more often than any program's do" },
    );
  }
}

/** state_dict() detaches its tensors: they need no gradient. */
function detached(tensor: StoredTensor): StoredTensor {
  if (!tensor.requiresGrad) return tensor;
  const { dtype, shape, stride, storageOffset, storage, conjugate, negative, device, quantizer } = tensor;
  const place = { dtype, shape, stride, storageOffset, storage };
  return new StoredTensor({ ...place, conjugate, negative, device, quantizer, requiresGrad: false });
}

/** What the source text of an archive's classes says of their slots. */
class ScriptCode {
  readonly #archive: TorchArchive;
  readonly #texts = new Map<string, Promise<string | undefined>>();
  /** By class. */
  readonly #declared = new Map<string, Promise<readonly string[] | undefined>>();

  constructor(archive: TorchArchive) {
    this.#archive = archive;
  }

  /** Names of a class's parameters and then its buffers; undefined when its source is not in the archive. */
  declared(className: string): Promise<readonly string[] | undefined> {
    const known = this.#declared.get(className) ?? this.#search(className);
    this.#declared.set(className, known);
    return known;
  }

  async #search(className: string): Promise<readonly string[] | undefined> {
    const body = await this.#bodyOf(className);
    if (body === undefined) return undefined;
    return ["parameters", "buffers"].flatMap((kind) => {
      const list = new RegExp(`^ {2}__${kind}__ = \\[(.*)\\]$`, "m").exec(body)?.[1] ?? "";
      return [...list.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? "");
    });
  }

  /** Whether an object is a module of the program; where there is no source, whether its class lies in `__torch__`. */
  async isModule({ className }: PyObject): Promise<boolean> {
    if (!className.startsWith("__torch__.") || className.startsWith("__torch__.torch.classes.")) return false;
    const file = await this.#text(fileOf(className));
    return file === undefined || (await this.declared(className)) !== undefined;
  }

  /** The lines of `class Name(Module):`. */
  async #bodyOf(className: string): Promise<string | undefined> {
    const text = await this.#text(fileOf(className));
    const name = className.slice(className.lastIndexOf(".") + 1);
    const start = text?.indexOf(`\nclass ${name}(Module):\n`) ?? -1;
    if (text === undefined || start < 0) return undefined;
    const end = text.indexOf("\nclass ", start + 1);
    return text.slice(start, end < 0 ? undefined : end);
  }

  /** With a line end in front of it. `__torch__.torch.nn.modules.sparse.Embedding` lies in `code/__torch__/torch/nn/modules/sparse.py`. */
  #text(file: string): Promise<string | undefined> {
    const known = this.#texts.get(file);
    if (known !== undefined) return known;
    const text =
      this.#archive.record(file) === undefined
        ? Promise.resolve(undefined)
        : this.#archive.bytes(file).then((bytes) => `\n${Buffer.from(bytes).toString("utf8")}`);
    this.#texts.set(file, text);
    return text;
  }
}

function fileOf(className: string): string {
  return `code/${className.split(".").slice(0, -1).join("/")}.py`;
}
