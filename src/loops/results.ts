import type { LogOptions } from "../core/lightningModule.js";
import { LtrainError } from "../errors.js";
import { asNumber, float, keyText } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";

const f32 = Math.fround;

/** LogOptions with every default filled in. */
export type ResolvedLogOptions = Required<Omit<LogOptions, "batchSize">>;

/** Metrics by the names under which callbacks, loggers and the progress bar know them. */
export interface MetricViews {
  readonly callback: Map<string, number>;
  readonly log: Map<string, number>;
  readonly progressBar: Map<string, number>;
}

interface Metric {
  readonly name: string;
  readonly options: ResolvedLogOptions;
  /** The value of the last batch, for on_step. */
  step: number | null;
  /** What has been gathered over the epoch, for on_epoch; float32 arithmetic, as in Lightning. */
  sum: number;
  weight: number;
  /** Whether anything was logged since the last reset. */
  fresh: boolean;
}

/** What the steps and hooks of one loop have logged: Lightning's result collection. */
export class Results {
  readonly #training: boolean;
  readonly #metrics = new Map<string, Metric>();

  constructor(training: boolean) {
    this.#training = training;
  }

  /** Fill in Lightning's defaults: training steps log on_step, everything else on_epoch. */
  static resolve(options: LogOptions, perBatch: boolean): ResolvedLogOptions {
    return {
      onStep: options.onStep ?? perBatch,
      onEpoch: options.onEpoch ?? !perBatch,
      progBar: options.progBar ?? false,
      logger: options.logger ?? true,
      reduceFx: options.reduceFx ?? "mean",
    };
  }

  /** Take one value; `hook` tells metrics of the same name from different places apart. */
  log(hook: string, name: string, value: number, options: ResolvedLogOptions, batchSize: number): void {
    const metric = this.#metric(`${hook}.${name}`, name, options);
    if (!metric.fresh) reset(metric);
    metric.fresh = true;
    if (options.onStep) metric.step = value;
    if (!options.onEpoch) return;
    metric.sum = reduce(metric, value, batchSize);
    metric.weight += batchSize;
  }

  /** The metrics of the batch under way (`onStep`) or of the epoch, under all the names Lightning gives them. */
  metrics(onStep: boolean): MetricViews {
    const views: MetricViews = { callback: new Map(), log: new Map(), progressBar: new Map() };
    for (const metric of this.#metrics.values()) {
      const value = onStep ? metric.step : epochValue(metric);
      if (!metric.fresh || value === null) continue;
      const { name, options } = metric;
      const forked = options.onStep && options.onEpoch ? `${name}_${onStep ? "step" : "epoch"}` : name;
      if (options.logger) views.log.set(forked, value);
      if (options.progBar) views.progressBar.set(forked, value);
      if (this.#training || !onStep) views.callback.set(name, value).set(forked, value);
    }
    return views;
  }

  /** Whether some metric gathers values over the epoch, so that no batch may be left out. */
  get gathers(): boolean {
    return [...this.#metrics.values()].some(({ options }) => options.onEpoch);
  }

  /** A new epoch begins. */
  reset(): void {
    for (const metric of this.#metrics.values()) metric.fresh = false;
  }

  /** Half-gathered metrics, for a checkpoint in mid-epoch. */
  stateDict(): PyDict {
    const fresh = [...this.#metrics].filter(([, metric]) => metric.fresh);
    return new PyDict(
      fresh.map(([key, { name, options, step, sum, weight }]) => [
        key,
        PyDict.from({
          name,
          options: PyDict.from(options),
          step: step === null ? null : float(step),
          sum: float(sum),
          weight: float(weight),
        }),
      ]),
    );
  }
  loadStateDict(state: PyDict): void {
    this.#metrics.clear();
    for (const [key, entry] of state) {
      if (typeof key !== "string" || !(entry instanceof PyDict)) throw malformed(keyText(key));
      const [name, options] = [entry.get("name"), entry.get("options")];
      if (typeof name !== "string" || !(options instanceof PyDict)) throw malformed(key);
      const metric = this.#metric(key, name, optionsFrom(options));
      metric.step = asNumber(entry.get("step")) ?? null;
      metric.sum = asNumber(entry.get("sum")) ?? 0;
      metric.weight = asNumber(entry.get("weight")) ?? 0;
      metric.fresh = true;
    }
  }

  #metric(key: string, name: string, options: ResolvedLogOptions): Metric {
    const known = this.#metrics.get(key);
    if (known === undefined) {
      const metric: Metric = { name, options, step: null, sum: 0, weight: 0, fresh: false };
      if (!options.onStep && !options.onEpoch) {
        throw new LtrainError("user.failed", `log("${name}") with onStep false and onEpoch false logs nothing`);
      }
      this.#metrics.set(key, metric);
      return metric;
    }
    const differs = (Object.keys(options) as (keyof ResolvedLogOptions)[]).find(
      (option) => options[option] !== known.options[option],
    );
    if (differs === undefined) return known;
    throw new LtrainError(
      "user.failed",
      `log("${name}") was called with ${differs} ${String(known.options[differs])} and then with ` +
        `${differs} ${String(options[differs])} from the same place`,
    );
  }
}

function reset(metric: Metric): void {
  metric.step = null;
  metric.weight = 0;
  const { reduceFx } = metric.options;
  metric.sum = reduceFx === "min" ? Number.POSITIVE_INFINITY : reduceFx === "max" ? Number.NEGATIVE_INFINITY : 0;
}

function reduce({ options, sum }: Metric, value: number, batchSize: number): number {
  switch (options.reduceFx) {
    case "mean":
      return f32(sum + f32(value * batchSize));
    case "sum":
      return f32(sum + value);
    case "min":
      return Math.min(sum, value);
    case "max":
      return Math.max(sum, value);
    default:
      options.reduceFx satisfies never;
      throw new TypeError("unreachable");
  }
}

function epochValue({ options, sum, weight }: Metric): number | null {
  if (!options.onEpoch) return null;
  return options.reduceFx === "mean" ? f32(sum / weight) : sum;
}

function optionsFrom(state: PyDict): ResolvedLogOptions {
  const flag = (name: string): boolean => state.get(name) === true;
  const reduceFx = state.get("reduceFx");
  return {
    onStep: flag("onStep"),
    onEpoch: flag("onEpoch"),
    progBar: flag("progBar"),
    logger: flag("logger"),
    reduceFx: reduceFx === "sum" || reduceFx === "min" || reduceFx === "max" ? reduceFx : "mean",
  };
}

function malformed(key: string): LtrainError {
  return new LtrainError("checkpoint.malformed", `ltrain.results: ${key} is not a half-gathered metric`);
}
