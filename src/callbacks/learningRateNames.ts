import type { LRSchedulerConfig } from "../core/lrSchedulerConfig.js";
import { LtrainError } from "../errors.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { ParamGroup } from "../optim/paramGroup.js";

/** An optimizer, what its groups' learning rates are called, and when its scheduler moves them. */
export interface NamedRates {
  readonly optimizer: Optimizer;
  /** One for each param group. */
  readonly names: readonly string[];
  /** null: it has no scheduler. */
  readonly interval: "step" | "epoch" | null;
}

/**
 * Lightning's names: `lr-SGD`, or what the scheduler's config says; `-1`, `-2` for further optimizers of a class, and
 * `/pg1` or the group's own name where there are several groups. First those with a scheduler, then the others.
 */
export function nameLearningRates(
  optimizers: readonly Optimizer[],
  schedulers: readonly LRSchedulerConfig[],
): readonly NamedRates[] {
  const counts = new Map<unknown, number>();
  const named = (optimizer: Optimizer, given: string | undefined): string[] => {
    const { constructor, paramGroups } = optimizer;
    if (given === undefined) counts.set(constructor, (counts.get(constructor) ?? 0) + 1);
    const count = counts.get(constructor) ?? 0;
    const base = (given ?? `lr-${constructor.name}`) + (count > 1 ? `-${count - 1}` : "");
    refuseEqualNames(base, paramGroups);
    return paramGroups.map((group, i) => {
      const name = nameOf(group) ?? (paramGroups.length > 1 ? `pg${i + 1}` : undefined);
      return name === undefined ? base : `${base}/${name}`;
    });
  };
  const scheduled = schedulers.map(({ scheduler: { optimizer }, name, interval = "epoch" }) => ({
    optimizer,
    names: named(optimizer, name),
    interval,
  }));
  const seen = new Set(scheduled.map(({ optimizer }) => optimizer));
  const others = optimizers.filter((optimizer) => !seen.has(optimizer));
  return [
    ...scheduled,
    ...others.map((optimizer) => ({ optimizer, names: named(optimizer, undefined), interval: null })),
  ];
}

function nameOf(group: ParamGroup): string | undefined {
  const name = group.options.get("name");
  return typeof name === "string" ? name : undefined;
}

function refuseEqualNames(base: string, groups: readonly ParamGroup[]): void {
  const names = groups.map((group, i) => nameOf(group) ?? `pg${i + 1}`);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return;
  throw new LtrainError("config.invalid", `LearningRateMonitor: two param groups of ${base} are called "${twice}"`, {
    hint: "give each group of the optimizer a name of its own",
  });
}
