import type { StoredTensor } from "../storage/storedTensor.js";
import { tensorDigest } from "./tensorDigest.js";

/** A tensor that has one name in the first file and another in the second. */
export interface Renamed {
  readonly from: string;
  readonly to: string;
  /** The same numbers; or the only ones of their shape; or as many of one shape in the same order. */
  readonly by: "content" | "shape" | "order";
}

type Named = ReadonlyMap<string, StoredTensor>;

/** Find out which of the names that only one file has stand for the same tensor: by content, then by shape and dtype. */
export async function findRenamed(onlyA: Named, onlyB: Named, heard: (bytes: number) => void): Promise<Renamed[]> {
  const [left, right] = [new Map(onlyA), new Map(onlyB)];
  const renamed: Renamed[] = [];
  const match = (pairs: readonly (readonly [string, string])[], by: Renamed["by"]): void => {
    for (const [from, to] of pairs) {
      renamed.push({ from, to, by });
      left.delete(from);
      right.delete(to);
    }
  };
  match(pairUp(await byContent(left, right, heard), await byContent(right, left, heard)), "content");
  const alone = pairsOf(byShape(left), byShape(right)).filter(([a, b]) => a.length === 1 && b.length === 1);
  match(
    alone.flatMap(([a, b]) => zip(a, b)),
    "shape",
  );
  // As many of one shape on both sides: modules keep their order when they are renamed.
  const even = pairsOf(byShape(left), byShape(right)).filter(([a, b]) => a.length === b.length);
  match(
    even.flatMap(([a, b]) => zip(a, b)),
    "order",
  );
  const order = [...onlyA.keys()];
  return renamed.sort((a, b) => order.indexOf(a.from) - order.indexOf(b.from));
}

type Groups = ReadonlyMap<string, readonly string[]>;

function shapeKey({ dtype, shape }: StoredTensor): string {
  return `${dtype} ${shape.join("x")}`;
}

function byShape(tensors: Named): Groups {
  return grouped(Array.from(tensors, ([name, tensor]) => [shapeKey(tensor), name]));
}

/** Only tensors whose shape the other side has too are read. */
async function byContent(tensors: Named, others: Named, heard: (bytes: number) => void): Promise<Groups> {
  const shapes = byShape(others);
  const pairs: [string, string][] = [];
  for (const [name, tensor] of tensors) {
    const key = shapeKey(tensor);
    if (shapes.has(key)) pairs.push([`${key} ${await tensorDigest(tensor, heard)}`, name]);
  }
  return grouped(pairs);
}

function grouped(pairs: readonly (readonly [key: string, name: string])[]): Groups {
  const groups = new Map<string, string[]>();
  for (const [key, name] of pairs) {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [name]);
    else group.push(name);
  }
  return groups;
}

function pairsOf(a: Groups, b: Groups): (readonly [readonly string[], readonly string[]])[] {
  return [...a].flatMap(([key, names]) => {
    const others = b.get(key);
    return others === undefined ? [] : [[names, others] as const];
  });
}

function zip(a: readonly string[], b: readonly string[]): (readonly [string, string])[] {
  return a.flatMap((name, i) => {
    const other = b[i];
    return other === undefined ? [] : [[name, other] as const];
  });
}

/** Groups larger than this are matched in order: every pair of names would be too many. */
const MAX_COMPARED = 200;

/** Of several tensors with the same content (zeros, ones, counters) those go together whose names end alike. */
function pairUp(a: Groups, b: Groups): (readonly [string, string])[] {
  return pairsOf(a, b).flatMap(([names, others]) => {
    if (names.length === 1 || names.length > MAX_COMPARED || others.length > MAX_COMPARED) return zip(names, others);
    const free = new Set(others);
    return names.flatMap((name) => {
      let best: string | undefined;
      let longest = -1;
      for (const other of free) {
        const length = commonEnd(name, other);
        if (length > longest) [best, longest] = [other, length];
      }
      if (best === undefined) return [];
      free.delete(best);
      return [[name, best] as const];
    });
  });
}

function commonEnd(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length += 1;
  return length;
}
