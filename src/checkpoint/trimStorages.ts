import { itemSize } from "../storage/dtype.js";
import type { Storage } from "../storage/storedTensor.js";
import { contiguousStride, StoredTensor } from "../storage/storedTensor.js";
import { partOfStorage } from "../serialization/sourceStorage.js";
import { GatheredStorage } from "./gatheredStorage.js";

/** A stretch of a storage, in bytes. */
interface Span {
  start: number;
  end: number;
}

/**
 * The same tensors over storages that hold no more than they need: a view takes its own bytes along, not the whole
 * storage it looks into. Tensors that share memory go on sharing it, and keep their strides.
 */
export function trimStorages(tensors: ReadonlyMap<string, StoredTensor>): Map<string, StoredTensor> {
  const byStorage = new Map<Storage, [string, StoredTensor][]>();
  for (const entry of tensors) {
    const group = byStorage.get(entry[1].storage);
    if (group === undefined) byStorage.set(entry[1].storage, [entry]);
    else group.push(entry);
  }
  const trimmed = new Map<string, StoredTensor>();
  for (const [storage, group] of byStorage) {
    for (const [name, tensor] of trimGroup(storage, group)) trimmed.set(name, tensor);
  }
  return new Map([...tensors.keys()].map((name) => [name, trimmed.get(name) as StoredTensor]));
}

function trimGroup(storage: Storage, group: readonly [string, StoredTensor][]): [string, StoredTensor][] {
  const spans = mergeSpans(group.map(([, tensor]) => spanOf(tensor)));
  const covered = spans.reduce((sum, { start, end }) => sum + end - start, 0);
  const first = spans[0]?.start ?? 0;
  const last = spans.at(-1)?.end ?? 0;
  // Neighbours without a gap stay one storage, as they were: a flat buffer of parameters is still one.
  const pieces = covered === last - first ? [{ start: first, end: last }] : spans;
  // Offsets count elements: a piece begins where an element of every dtype in it could.
  const width = group.reduce((widest, [, { dtype }]) => Math.max(widest, itemSize(dtype)), 1);
  const slices = pieces.map(({ start, end }) => sliceStorage(storage, { start: start - (start % width), end }));
  const isAlone = group.filter(([, { numel }]) => numel > 0).length === 1;
  return group.map(([name, tensor]) => {
    if (tensor.numel === 0) return [name, emptyLike(tensor)];
    const index = lastStartingBefore(pieces, spanOf(tensor).start);
    const piece = pieces[index];
    const slice = slices[index];
    if (piece === undefined || slice === undefined) throw new TypeError(`"${name}" lies in no piece of its storage`);
    if (slice === storage) return [name, tensor];
    if (isAlone && piece.end - piece.start > tensor.byteLength) return [name, gathered(tensor)];
    const storageOffset = tensor.storageOffset - (piece.start - (piece.start % width)) / itemSize(tensor.dtype);
    return [name, new StoredTensor({ ...layoutOf(tensor), storageOffset, storage: slice })];
  });
}

/** The index of the last span that begins at `start` or before; spans are in order. */
function lastStartingBefore(spans: readonly Span[], start: number): number {
  let [low, high] = [0, spans.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.start ?? Infinity) <= start) low = middle;
    else high = middle;
  }
  return low;
}

/** The bytes from a tensor's first element to its last. */
function spanOf(tensor: StoredTensor): Span {
  const size = itemSize(tensor.dtype);
  if (tensor.numel === 0) return { start: 0, end: 0 };
  const reach = tensor.shape.reduce((sum, length, axis) => sum + (length - 1) * (tensor.stride[axis] ?? 0), 0);
  return { start: tensor.storageOffset * size, end: (tensor.storageOffset + reach + 1) * size };
}

/** Spans that overlap or touch become one; the result is in order. */
function mergeSpans(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start)) {
    const before = merged.at(-1);
    if (before !== undefined && span.start <= before.end) before.end = Math.max(before.end, span.end);
    else merged.push({ ...span });
  }
  return merged;
}

function sliceStorage(storage: Storage, { start, end }: Span): Storage {
  if (start === 0 && end === storage.byteLength) return storage;
  return partOfStorage(storage, start, end - start);
}

/** A strided view with holes, alone in its storage: its elements side by side. */
function gathered(tensor: StoredTensor): StoredTensor {
  return new StoredTensor({
    ...layoutOf(tensor),
    // What is gathered has its signs turned already.
    conjugate: false,
    negative: false,
    stride: contiguousStride(tensor.shape),
    storageOffset: 0,
    storage: new GatheredStorage(tensor),
  });
}

function emptyLike(tensor: StoredTensor): StoredTensor {
  const storage: Storage = { byteLength: 0, read: () => Promise.resolve(new Uint8Array()) };
  return new StoredTensor({ ...layoutOf(tensor), storageOffset: 0, storage });
}

function layoutOf({
  dtype,
  shape,
  stride,
  requiresGrad,
  conjugate,
  negative,
  quantizer,
}: StoredTensor): Omit<ConstructorParameters<typeof StoredTensor>[0], "storage" | "storageOffset"> {
  return { dtype, shape, stride, requiresGrad, conjugate, negative, quantizer };
}
