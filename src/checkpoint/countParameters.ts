import type { StoredTensor } from "../storage/storedTensor.js";
import { itemSize } from "../storage/dtype.js";

/** How much one module of a state_dict holds. */
export interface ModuleCount {
  /** Module path; "" for tensors of the root itself. */
  readonly name: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

/** A state_dict counted: in all, every shared tensor once, and by module. */
export interface ParameterCount {
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
  /** Names that stand for memory another name already stands for: tied weights. */
  readonly sharedNames: readonly string[];
  /** Bytes of all storages behind the tensors; more than `bytes` when views keep a larger storage alive. */
  readonly storageBytes: number;
  readonly modules: readonly ModuleCount[];
}

/** Count a state_dict's tensors, with one row per module of the first level where there is more than one. */
export function countParameters(tensors: ReadonlyMap<string, StoredTensor>): ParameterCount {
  return { ...countTensors(tensors), modules: countModules(tensors) };
}

/** Count named tensors in all; those that are the same memory in the same form count once. */
export function countTensors(named: Iterable<readonly [string, StoredTensor]>): Omit<ParameterCount, "modules"> {
  // Nearly every storage has one tensor: a list is made when a second one comes.
  const seen = new Map<StoredTensor["storage"], StoredTensor | StoredTensor[]>();
  const sharedNames: string[] = [];
  let [tensors, parameters, bytes, storageBytes] = [0, 0, 0, 0];
  for (const [name, tensor] of named) {
    const { storage, numel } = tensor;
    const known = seen.get(storage);
    tensors += 1;
    if (known === undefined) {
      seen.set(storage, tensor);
      storageBytes += storage.byteLength;
    } else {
      const others = Array.isArray(known) ? known : [known];
      if (numel > 0 && others.some((other) => isSame(other, tensor))) {
        sharedNames.push(name);
        continue;
      }
      seen.set(storage, [...others, tensor]);
    }
    parameters += numel;
    bytes += numel * itemSize(tensor.dtype);
  }
  return { tensors, parameters, bytes, sharedNames, storageBytes };
}

function isSame(a: StoredTensor, b: StoredTensor): boolean {
  return (
    a.storageOffset === b.storageOffset &&
    a.dtype === b.dtype &&
    a.shape.join() === b.shape.join() &&
    a.stride.join() === b.stride.join()
  );
}

/** More modules than this are counted one level higher, where there is one: forty blocks say less than "layers". */
const MANY_MODULES = 32;

function countModules(tensors: ReadonlyMap<string, StoredTensor>): ModuleCount[] {
  const depth = levelOfInterest([...tensors.keys()]);
  const modules = countAtDepth(tensors, depth);
  return modules.length > MANY_MODULES && depth > 1 ? countAtDepth(tensors, depth - 1) : modules;
}

function countAtDepth(tensors: ReadonlyMap<string, StoredTensor>, depth: number): ModuleCount[] {
  const modules = new Map<string, { tensors: number; parameters: number; bytes: number }>();
  for (const [name, tensor] of tensors) {
    const module = moduleOf(name, depth);
    const count = modules.get(module) ?? { tensors: 0, parameters: 0, bytes: 0 };
    modules.set(module, count);
    count.tensors += 1;
    count.parameters += tensor.numel;
    count.bytes += tensor.numel * itemSize(tensor.dtype);
  }
  return [...modules].map(([name, count]) => ({ name, ...count }));
}

/** The first `depth` parts of a name, the last one left out: `encoder.0` of `encoder.0.weight`. */
function moduleOf(name: string, depth: number): string {
  let end = 0;
  for (let part = 0; part < depth; part += 1) {
    const dot = name.indexOf(".", end === 0 ? 0 : end + 1);
    if (dot < 0) break;
    end = dot;
  }
  return name.slice(0, end);
}

/** How many parts of a name make a row: one more than all names have in common (`model.` in front says nothing). */
function levelOfInterest(names: readonly string[]): number {
  const first = names[0]?.split(".") ?? [];
  let common = 0;
  let prefix = "";
  while (common < first.length - 2) {
    prefix += `${first[common] ?? ""}.`;
    if (!names.every((name) => name.startsWith(prefix))) break;
    common += 1;
  }
  return common + 1;
}
