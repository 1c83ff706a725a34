import type { Storage } from "../storage/storedTensor.js";
import type { SaveFile, SaveJob } from "./saveJob.js";
import type { MemoryPlace, SnapshotMemory } from "./snapshotMemory.js";

/** A job in plain values, fit to be sent to a thread: its storages lie in buffers. */
export interface PackedJob extends Omit<SaveJob, "files"> {
  readonly files: readonly PackedFile[];
}

/** A file of a packed job. */
export interface PackedFile extends Omit<SaveFile, "storages"> {
  readonly storages: readonly MemoryPlace[];
}

/** Copy what a job is to write into `memory`, unless it is there already: training goes on with the original. */
export async function packJob(job: SaveJob, memory: SnapshotMemory): Promise<PackedJob> {
  const places = new Map<Storage, MemoryPlace>();
  const files: PackedFile[] = [];
  for (const file of job.files) {
    for (const storage of file.storages) {
      if (!places.has(storage)) places.set(storage, await copyAside(storage, memory));
    }
    files.push({ ...file, storages: file.storages.map((storage) => placeIn(places, storage)) });
  }
  return { ...job, files };
}

/** The job over the buffers that its storages lie in. */
export function unpackJob(job: PackedJob, buffers: readonly ArrayBuffer[]): SaveJob {
  const storages = new Map<string, Storage>();
  const storageAt = (place: MemoryPlace): Storage => {
    const key = `${place.buffer}:${place.start}:${place.byteLength}`;
    const storage = storages.get(key) ?? storageOf(place, buffers);
    storages.set(key, storage);
    return storage;
  };
  return { ...job, files: job.files.map((file) => ({ ...file, storages: file.storages.map(storageAt) })) };
}

async function copyAside(storage: Storage, memory: SnapshotMemory): Promise<MemoryPlace> {
  const { byteLength } = storage;
  const bytes = await storage.read(0, byteLength);
  const there = memory.placeOf(bytes);
  if (there !== null) return there;
  const copy = memory.allot(byteLength);
  copy.set(bytes);
  return placeIn(new Map([[storage, memory.placeOf(copy)]]), storage);
}

function placeIn(places: ReadonlyMap<Storage, MemoryPlace | null>, storage: Storage): MemoryPlace {
  const place = places.get(storage) ?? null;
  if (place === null) throw new Error("a storage was not copied aside");
  return place;
}

function storageOf({ buffer, start, byteLength }: MemoryPlace, buffers: readonly ArrayBuffer[]): Storage {
  const memory = buffers[buffer];
  if (memory === undefined) throw new Error(`there is no buffer ${buffer}`);
  const bytes = new Uint8Array(memory, start, byteLength);
  return { byteLength, read: (from, to) => Promise.resolve(bytes.subarray(from, to)) };
}
