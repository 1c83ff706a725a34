import type { Logger } from "../core/logger.js";

/** The rarer settings of a CSVLogger. */
export interface CSVLoggerOptions {
  /** Put before every metric's name, with a hyphen. */
  readonly prefix?: string;
  readonly flushLogsEveryNSteps?: number;
}

/** Writes metrics.csv and hparams.yaml as Lightning's CSVLogger writes them. */
export class CSVLogger implements Logger {
  readonly name: string;
  readonly saveDir: string;

  constructor(
    saveDir: string,
    name: string | null = "lightning_logs",
    version: number | string | null = null,
    options: CSVLoggerOptions = {},
  ) {
    this.saveDir = saveDir;
    this.name = name ?? "";
    void version;
    void options;
  }

  /** Number or name of this run; when none was given, one more than the largest that is there. */
  get version(): number | string {
    return 0;
  }
  get logDir(): string {
    return this.saveDir;
  }
  /** Go on with the metrics.csv that is there, without the rows from `globalStep` on, instead of starting over. */
  continueFrom(globalStep: number): Promise<void> {
    void globalStep;
    return Promise.resolve();
  }
  logHyperparams(hparams: Readonly<Record<string, unknown>>): Promise<void> {
    void hparams;
    return Promise.resolve();
  }
  logMetrics(metrics: Readonly<Record<string, number>>, step: number): Promise<void> {
    void metrics;
    void step;
    return Promise.resolve();
  }
  save(): Promise<void> {
    return Promise.resolve();
  }
  finalize(status: "success" | "failed" | "interrupted"): Promise<void> {
    void status;
    return Promise.resolve();
  }
}
