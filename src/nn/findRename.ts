/** A change of prefix that would turn names of the file into names of the model. */
export interface Rename {
  readonly from: string;
  readonly to: string;
  /** How many names it explains. */
  readonly count: number;
}

/**
 * The one prefix that, exchanged for another, explains most of what is missing: "model.encoder." for "encoder.", or
 * "module." for nothing. Null when no prefix explains half of it.
 */
export function findRename(missing: readonly string[], unexpected: readonly string[]): Rename | null {
  const byLeaf = new Map<string, string[]>();
  for (const name of unexpected) {
    const leaf = leafOf(name);
    byLeaf.set(leaf, [...(byLeaf.get(leaf) ?? []), name]);
  }
  const candidates = new Map<string, { from: string; to: string }>();
  for (const wanted of missing.slice(0, MAX_TRIED)) {
    for (const found of (byLeaf.get(leafOf(wanted)) ?? []).slice(0, MAX_TRIED)) {
      const pair = differingPrefixes(found, wanted);
      candidates.set(JSON.stringify(pair), pair);
    }
  }
  const there = new Set(unexpected);
  const explains = ({ from, to }: { from: string; to: string }): number =>
    missing.filter((name) => name.startsWith(to) && there.has(from + name.slice(to.length))).length;
  const best = [...candidates.values()]
    .map((pair) => ({ ...pair, count: explains(pair) }))
    .sort((a, b) => b.count - a.count)[0];
  return best !== undefined && best.count * 2 >= missing.length ? best : null;
}

/** Enough names to find a prefix by; more would only cost time with files of many thousand keys. */
const MAX_TRIED = 16;

function leafOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** What is left of two dotted names when their longest common ending is taken away. */
function differingPrefixes(found: string, wanted: string): { from: string; to: string } {
  const a = found.split(".");
  const b = wanted.split(".");
  let common = 0;
  while (common < Math.min(a.length, b.length) && a[a.length - 1 - common] === b[b.length - 1 - common]) common += 1;
  const prefix = (parts: readonly string[]): string =>
    parts
      .slice(0, parts.length - common)
      .map((part) => `${part}.`)
      .join("");
  return { from: prefix(a), to: prefix(b) };
}
