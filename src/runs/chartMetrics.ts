import { LtrainError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { colorOf } from "../plot/palette.js";
import type { Chart, Point, Series } from "../plot/series.js";
import { smoothed } from "../plot/series.js";

/** A run to be drawn: what it is called, and its metrics. */
export interface NamedMetrics {
  readonly name: string;
  readonly metrics: ReadonlyMap<string, readonly Point[]>;
}

/** What to draw, and how. */
export interface ChartOptions {
  /** Names or globs (`val_*`); none: every metric. */
  readonly metrics: readonly string[];
  readonly log: boolean;
  /** Weight of TensorBoard's smoothing, from 0 to below 1. */
  readonly smooth: number;
}

/** What Lightning's and people's names have around the metric itself. */
const AFFIXES = /^(?:train(?:ing)?|val(?:id|idation)?|test)[_/.-]|[_/.-](?:step|epoch)$/g;

/**
 * The charts of some runs. Of one run, metrics of one kind share a chart: train_loss_step, train_loss_epoch, val_loss.
 * Of several, every metric has its own, with a curve per run.
 */
export function chartMetrics(runs: readonly NamedMetrics[], options: ChartOptions): Chart[] {
  const names = chosenNames(runs, options.metrics);
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const title = runs.length > 1 ? name : titleOf(name);
    groups.set(title, [...(groups.get(title) ?? []), name]);
  }
  return [...groups]
    .sort(([a], [b]) => orderOf(a) - orderOf(b) || (a < b ? -1 : 1))
    .map(([title, members]) => ({ title, xLabel: "step", log: options.log, series: seriesOf(runs, members, options) }));
}

function seriesOf(runs: readonly NamedMetrics[], names: readonly string[], { smooth }: ChartOptions): Series[] {
  const colors = roleColors(names);
  const curves = runs.flatMap((run, index) =>
    names.flatMap((name, place) => {
      const points = run.metrics.get(name);
      if (points === undefined || points.length === 0) return [];
      if (runs.length > 1) return [{ label: run.name, points, color: colorOf(index) }];
      return [{ label: name, points, color: colors[place] ?? 0 }];
    }),
  );
  if (smooth === 0) return curves;
  return curves.map((curve) => ({ ...curve, points: smoothed(curve.points, smooth), raw: curve.points }));
}

/** Training is blue, validation orange and a test green in every chart; what says none of these has the next color. */
function roleColors(names: readonly string[]): number[] {
  const roles = names.map((name) => [/^train/, /^val/, /^test/].findIndex((role) => role.test(name)));
  const taken = new Set<number>();
  return roles.map((role) => {
    let color = Math.max(role, 0);
    while (taken.has(color)) color += role < 0 || taken.size > 2 ? 1 : 3;
    taken.add(color);
    return colorOf(color);
  });
}

function chosenNames(runs: readonly NamedMetrics[], wanted: readonly string[]): string[] {
  const all = [...new Set(runs.flatMap(({ metrics }) => [...metrics.keys()]))];
  if (wanted.length === 0) return all;
  return [...new Set(wanted.flatMap((name) => matching(name, all)))];
}

function matching(wanted: string, all: readonly string[]): string[] {
  const pattern = new RegExp(`^${wanted.split("*").map(literally).join(".*")}$`);
  const found = all.filter((name) => pattern.test(name));
  if (found.length > 0) return found;
  throw new LtrainError("key.missing", `there is no metric "${wanted}"`, {
    hint: didYouMean(wanted, all) ?? (all.length === 0 ? "nothing was logged" : `there is ${all.join(", ")}`),
  });
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function titleOf(name: string): string {
  if (/^lr\b|^lr-/.test(name)) return "learning rate";
  const kind = name.replace(AFFIXES, "").replace(AFFIXES, "");
  return kind === "" ? name : kind;
}

/** The loss first, learning rates and Lightning's placeholder last. */
function orderOf(title: string): number {
  if (/loss/i.test(title)) return /^(?:train_|val_)?loss/.test(title) ? 0 : 1;
  return title === "learning rate" || title === "hp_metric" ? 3 : 2;
}
