import { readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bytesSource } from "../../src/io/byteSource.js";
import { openZip } from "../../src/zip/zipReader.js";
import { rawZip } from "../zip/rawZip.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));
/** Larger files have nothing that smaller ones do not have. */
const MAX_BYTES = 1 << 16;

/** A file to start from. */
export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
  /** The records of a zip archive, to be changed one by one and put together again with right checksums. */
  readonly records: readonly { readonly name: string; readonly payload: Uint8Array }[];
}

/** Every real and every hostile file of the fixtures that is small. */
export async function loadSeeds(): Promise<Seed[]> {
  const seeds: Seed[] = [];
  for (const folder of ["lightning", "torch", "hostile"]) {
    for (const name of readdirSync(FIXTURES + folder)) {
      const path = `${FIXTURES}${folder}/${name}`;
      if (/\.(json|py)$/.test(name) || !statSync(path).isFile() || statSync(path).size > MAX_BYTES) continue;
      const bytes = readFileSync(path);
      seeds.push({ name: `${folder}/${name}`, bytes, records: await recordsOf(bytes) });
    }
  }
  return seeds;
}

async function recordsOf(bytes: Buffer): Promise<Seed["records"]> {
  try {
    const { entries } = await openZip(bytesSource(bytes));
    const records: { name: string; payload: Uint8Array }[] = [];
    for (const entry of entries.values()) records.push({ name: entry.name, payload: (await entry.bytes()).slice() });
    return records;
  } catch {
    return []; // no archive, or a broken one: changed as a whole
  }
}

/** Numbers in [0, 1) that depend on nothing but the seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A changed file: all of it, or one record of an archive that is put together again. */
export function mutant(seeds: readonly Seed[], seed: number): { readonly bytes: Buffer; readonly name: string } {
  const random = randomNumbers(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const start = pick(seeds);
  const donor = pick(seeds).bytes;
  const { records, name } = start;
  if (records.length === 0 || random() < 0.3) return { name, bytes: change(start.bytes, donor, random) };
  const pickles = records.filter((record) => record.name.endsWith("data.pkl"));
  const chosen = pickles[0] !== undefined && random() < 0.8 ? pickles[0] : pick(records);
  const changed = records.map((record) =>
    record === chosen ? { ...record, payload: change(Buffer.from(record.payload), donor, random) } : record,
  );
  return { name: `${name} (${chosen.name})`, bytes: rawZip(changed) };
}

const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** One to four changes: bits, numbers at the edges of their types, cuts, and pieces of another file. */
function change(original: Buffer, donor: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(original);
  const at = (): number => Math.floor(random() * bytes.length);
  for (let rest = 1 + Math.floor(random() * 4); rest > 0 && bytes.length > 0; rest -= 1) {
    const place = at();
    const length = Math.min(1 + Math.floor(random() ** 3 * 200), bytes.length - place);
    switch (Math.floor(random() * 8)) {
      case 0:
        bytes[place] = (bytes[place] ?? 0) ^ (1 << Math.floor(random() * 8));
        break;
      case 1:
        bytes[place] = Math.floor(random() * 256);
        break;
      case 2: {
        const edge = EDGES[Math.floor(random() * EDGES.length)] ?? 0;
        if (place + 4 <= bytes.length) bytes.writeUInt32LE(edge, place);
        break;
      }
      case 3:
        bytes = bytes.subarray(0, place);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + length)]);
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, place + length), bytes.subarray(place)]);
        break;
      case 6: {
        const from = Math.floor(random() * donor.length);
        bytes = Buffer.concat([bytes.subarray(0, place), donor.subarray(from, from + length), bytes.subarray(place)]);
        break;
      }
      default:
        donor.copy(bytes, place, Math.floor(random() * donor.length), Math.floor(random() * donor.length) + length);
    }
  }
  return bytes;
}
