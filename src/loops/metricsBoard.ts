import type { Logger } from "../core/logger.js";
import { LtrainError } from "../errors.js";
import type { MetricViews } from "./results.js";
import { userCode } from "./userFailure.js";

/** Where everybody looks for the newest metrics, and the one way into the loggers. */
export class MetricsBoard {
  readonly callbackMetrics = new Map<string, number>();
  readonly progressBarMetrics = new Map<string, number>();
  readonly #loggers: readonly Logger[];

  readonly #warn: (message: string) => void;

  constructor(loggers: readonly Logger[], warn: (message: string) => void = () => undefined) {
    this.#loggers = loggers;
    this.#warn = warn;
  }

  /** Put up new values; what is not among them stays as it was. */
  show(views: MetricViews): void {
    for (const [name, value] of views.callback) this.callbackMetrics.set(name, value);
    for (const [name, value] of views.progressBar) this.progressBarMetrics.set(name, value);
  }

  /** Take everything down, as after the sanity check. */
  clear(): void {
    this.callbackMetrics.clear();
    this.progressBarMetrics.clear();
  }

  /** One row in every logger; a metric named "step" is the step, as in Lightning. */
  async writeRow(metrics: ReadonlyMap<string, number>, epoch: number, step: number): Promise<void> {
    if (metrics.size === 0) return;
    const row: Record<string, number> = Object.fromEntries(metrics);
    const ownStep = row["step"];
    delete row["step"];
    row["epoch"] ??= epoch;
    await this.#write(row, ownStep === undefined ? step : Math.trunc(ownStep));
  }

  /** One row without an epoch: the on_step metrics of a validation batch, counted by batches seen. */
  async writeBatchRow(metrics: ReadonlyMap<string, number>, batchesSeen: number): Promise<void> {
    if (metrics.size > 0) await this.#write(Object.fromEntries(metrics), batchesSeen);
  }

  /** Bring all rows to disk. */
  async save(): Promise<void> {
    for (const logger of this.#loggers) await userCode(`${logger.constructor.name}.save`, () => logger.save());
  }

  /** Where the disk is full rows wait in memory until there is room: whether the run does too, checkpoints say. */
  async #write(row: Readonly<Record<string, number>>, step: number): Promise<void> {
    for (const logger of this.#loggers) {
      const name = logger.constructor.name;
      try {
        await userCode(`${name}.logMetrics`, () => logger.logMetrics(row, step));
        await userCode(`${name}.save`, () => logger.save());
      } catch (error) {
        if (!(error instanceof LtrainError) || error.code !== "disk.full") throw error;
        this.#warn(`metrics wait in memory: ${error.message}`);
      }
    }
  }
}
