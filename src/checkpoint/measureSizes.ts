import { PyDict, PyStorage } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { itemSize } from "../storage/dtype.js";
import type { Storage, StoredTensor } from "../storage/storedTensor.js";
import { isBareStateDict } from "./parseCheckpoint.js";
import { tensorsOf, walkTree } from "./treePaths.js";

/** What one part of a file takes: `state_dict`, `optimizer_states`. */
export interface SectionSize {
  readonly name: string;
  readonly tensors: number;
  /** Bytes that its tensors reach; memory that two of them share is counted once. */
  readonly used: number;
  /** Bytes of the storages behind them, each in the section that names it first. */
  readonly stored: number;
}

/** A storage of which its tensors use a part: a view that drags a larger tensor along. */
export interface Overhang {
  /** The tensors that look into it. */
  readonly paths: readonly string[];
  readonly used: number;
  readonly stored: number;
}

/** Where the bytes of a file are. */
export interface FileSizes {
  readonly sections: readonly SectionSize[];
  /** Largest waste first. */
  readonly overhangs: readonly Overhang[];
  /** What is in no storage: the pickle, headers, padding. */
  readonly rest: number;
}

/** Measure a file's tree; nothing is read. */
export function measureSizes(root: PyValue, byteLength: number): FileSizes {
  const sections = new Map<string, { tensors: number; used: number; stored: number }>();
  const overhangs: Overhang[] = [];
  for (const [storage, { section, views }] of storagesOf(root, sections)) {
    const stored = storage.byteLength;
    const used = views.some(({ tensor }) => tensor === null) ? stored : coverage(views.flatMap(tensorsAmong));
    const size = sections.get(section);
    if (size === undefined) continue;
    size.used += used;
    size.stored += stored;
    if (used < stored) overhangs.push({ paths: views.map(({ path }) => path), used, stored });
  }
  overhangs.sort((a, b) => b.stored - b.used - (a.stored - a.used));
  const stored = [...sections.values()].reduce((sum, size) => sum + size.stored, 0);
  return {
    sections: Array.from(sections, ([name, size]) => ({ name, ...size })),
    overhangs,
    rest: Math.max(0, byteLength - stored),
  };
}

/** A tensor in a storage; null: the storage itself stands in the tree. */
interface View {
  readonly path: string;
  readonly tensor: StoredTensor | null;
}

function tensorsAmong({ tensor }: View): StoredTensor[] {
  return tensor === null ? [] : [tensor];
}

interface Behind {
  readonly section: string;
  readonly views: View[];
}

function storagesOf(root: PyValue, sections: Map<string, { tensors: number; used: number; stored: number }>) {
  const storages = new Map<Storage, Behind>();
  const add = (section: string, storage: Storage, view: View): void => {
    const size = sections.get(section) ?? { tensors: 0, used: 0, stored: 0 };
    sections.set(section, size);
    if (view.tensor !== null) size.tensors += 1;
    const known = storages.get(storage);
    if (known === undefined) storages.set(storage, { section, views: [view] });
    else known.views.push(view);
  };
  const sectionOf = sectionNamer(root);
  for (const { path, tensor } of tensorsOf(root)) add(sectionOf(path), tensor.storage, { path, tensor });
  walkTree(root, (value, path) => {
    if (value instanceof PyStorage) add(sectionOf(path), value.storage, { path, tensor: null });
    return true;
  });
  return storages;
}

/** The key of the root that a path begins with; a bare state_dict is one section. */
function sectionNamer(root: PyValue): (path: string) => string {
  if (isBareStateDict(root)) return () => "state_dict";
  if (!(root instanceof PyDict)) return () => "$";
  return (path) => /^(?:[A-Za-z_][A-Za-z0-9_-]*|\["(?:[^"\\]|\\.)*"\]|\[[^\]]*\])/su.exec(path)?.[0] ?? path;
}

/** Bytes of a storage that its views reach. A view with gaps counts its elements, two that overlap count once. */
function coverage(tensors: readonly StoredTensor[]): number {
  const spans = tensors
    .filter(({ numel }) => numel > 0)
    .map(spanOf)
    .sort((a, b) => a.start - b.start);
  let reach = 0;
  let end = 0;
  for (const span of spans) {
    reach += Math.max(0, span.end - Math.max(span.start, end));
    end = Math.max(end, span.end);
  }
  return Math.min(
    reach,
    spans.reduce((sum, { elements }) => sum + elements, 0),
  );
}

/** From its first byte to its last, and the bytes of its elements, each place counted once. */
function spanOf({ dtype, shape, stride, storageOffset }: StoredTensor): {
  start: number;
  end: number;
  elements: number;
} {
  const width = itemSize(dtype);
  let last = storageOffset;
  let elements = 1;
  for (const [axis, size] of shape.entries()) {
    const step = stride[axis] ?? 0;
    last += (size - 1) * step;
    if (step !== 0) elements *= size;
  }
  return { start: storageOffset * width, end: (last + 1) * width, elements: elements * width };
}
