/** Modules that torch puts around others, by the names under which they hold them; no user calls a module so. */
const WRAPPERS: ReadonlySet<string> = new Set([
  "_orig_mod", // torch.compile
  "_forward_module", // Lightning Fabric
  "_fsdp_wrapped_module", // FullyShardedDataParallel
  "_checkpoint_wrapped_module", // activation checkpointing
]);
/** DistributedDataParallel, DataParallel and AveragedModel hold what they wrap as `module`, as may anybody. */
const PLAIN_WRAPPER = "module";
/** AveragedModel counts beside the module it wraps. */
const BESIDE_WRAPPED: ReadonlySet<string> = new Set(["n_averaged"]);

/**
 * How names are spelled without the wrappers of torch and Lightning, at whatever depth they stand. `module` is taken
 * for a wrapper in front of a name, as torch's own consume_prefix_in_state_dict_if_present does, and deeper where it is
 * the only child of its parent. The last part of a name is a parameter, and stays.
 */
export function unwrapper(names: Iterable<string>): (name: string) => string {
  const children = childrenOf(names);
  const isWrapper = (part: string, parent: string, isFirst: boolean): boolean =>
    WRAPPERS.has(part) || (part === PLAIN_WRAPPER && (isFirst || children.get(parent)?.size === 1));
  return (name) => {
    const parts = name.split(".");
    const kept: string[] = [];
    let parent = "";
    parts.forEach((part, index) => {
      const isLast = index === parts.length - 1;
      if (isLast || !isWrapper(part, parent, kept.length === 0)) kept.push(part);
      parent = `${parent}${part}.`;
    });
    return kept.join(".");
  };
}

/** What stands directly under each module path, counters of wrappers aside. */
function childrenOf(names: Iterable<string>): ReadonlyMap<string, ReadonlySet<string>> {
  const children = new Map<string, Set<string>>();
  for (const name of names) {
    let parent = "";
    for (const part of name.split(".")) {
      const known = children.get(parent) ?? new Set();
      children.set(parent, known);
      if (!BESIDE_WRAPPED.has(part)) known.add(part);
      parent = `${parent}${part}.`;
    }
  }
  return children;
}
