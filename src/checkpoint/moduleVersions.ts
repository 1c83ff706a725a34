/**
 * The `_metadata` of the modules that come along when tensors are taken out and renamed. A tensor and its module move
 * together: as long as old and new name agree from the end, so do the modules above. A module without tensors of its
 * own (ReLU) comes along when everything under the module around it does.
 */
export function selectVersions(
  versions: ReadonlyMap<string, number>,
  allNames: Iterable<string>,
  /** New name to old name. */
  sources: ReadonlyMap<string, string>,
): ReadonlyMap<string, number> {
  const places = modulePlaces(sources);
  const total = countBelow(allNames);
  const taken = countBelow(sources.values());
  const selected = new Map<string, number>();
  for (const [path, version] of versions) {
    const place = places.get(path) ?? placeOfEmpty(path, places, total, taken);
    if (place !== undefined && !selected.has(place)) selected.set(place, version);
  }
  return selected;
}

/** Old module path to new module path, for every module that a tensor was taken from or from below. */
function modulePlaces(sources: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  for (const [newName, oldName] of sources) {
    let [from, to] = [oldName, newName];
    while (from !== "" && to !== "" && lastPart(from) === lastPart(to)) {
      [from, to] = [parentOf(from), parentOf(to)];
      if (places.has(from)) break;
      places.set(from, to);
    }
  }
  return places;
}

function placeOfEmpty(
  path: string,
  places: ReadonlyMap<string, string>,
  total: ReadonlyMap<string, number>,
  taken: ReadonlyMap<string, number>,
): string | undefined {
  if (total.has(path)) return undefined; // it has tensors, and none of them was taken
  let around = path;
  do around = parentOf(around);
  while (around !== "" && !total.has(around));
  const place = places.get(around);
  if (place === undefined || taken.get(around) !== total.get(around)) return undefined;
  const rest = around === "" ? path : path.slice(around.length + 1);
  return place === "" ? rest : `${place}.${rest}`;
}

/** How many names lie under each module path. */
function countBelow(names: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    for (let path = name; path !== "";) {
      path = parentOf(path);
      counts.set(path, (counts.get(path) ?? 0) + 1);
    }
  }
  return counts;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("."), 0));
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}
