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
  const seen = new Map<StoredTensor["storage"], Set<string>>();
  const sharedNames: string[] = [];
  const total = { tensors: 0, parameters: 0, bytes: 0 };
  for (const [name, tensor] of tensors) {
    const places = seen.get(tensor.storage) ?? new Set();
    seen.set(tensor.storage, places);
    const place = `${tensor.storageOffset}:${tensor.shape.join()}:${tensor.stride.join()}:${tensor.dtype}`;
    total.tensors += 1;
    if (places.has(place) && tensor.numel > 0) {
      sharedNames.push(name);
      continue;
    }
    places.add(place);
    total.parameters += tensor.numel;
    total.bytes += tensor.byteLength;
  }
  const storageBytes = [...seen.keys()].reduce((sum, storage) => sum + storage.byteLength, 0);
  return { ...total, sharedNames, storageBytes, modules: countModules(tensors) };
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
    const parts = name.split(".");
    const module = parts.slice(0, Math.min(depth, parts.length - 1)).join(".");
    const count = modules.get(module) ?? { tensors: 0, parameters: 0, bytes: 0 };
    modules.set(module, count);
    count.tensors += 1;
    count.parameters += tensor.numel;
    count.bytes += tensor.numel * itemSize(tensor.dtype);
  }
  return [...modules].map(([name, count]) => ({ name, ...count }));
}

/** How many parts of a name make a row: one more than all names have in common (`model.` in front says nothing). */
function levelOfInterest(names: readonly string[]): number {
  const first = names[0]?.split(".") ?? [];
  let common = 0;
  while (common < first.length - 2 && names.every((name) => hasPart(name, common, first[common]))) common += 1;
  return common + 1;
}

function hasPart(name: string, index: number, part: string | undefined): boolean {
  const parts = name.split(".");
  return index < parts.length - 1 && parts[index] === part;
}
