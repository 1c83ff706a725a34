import { join } from "node:path";
import type { Logger } from "../core/logger.js";
import { LtrainError } from "../errors.js";
import { fileExists, writeTextAtomically } from "../io/textFile.js";
import { flatHparams } from "./flatHparams.js";
import { LogFolder } from "./logFolder.js";
import { SummaryWriter } from "./summaryWriter.js";
import { yamlText } from "./yamlText.js";

/** The rarer settings of a TensorBoardLogger: Lightning's. */
export interface TensorBoardLoggerOptions {
  /** Lightning draws the module's graph; there is none here, so true is refused. */
  readonly logGraph?: boolean;
  /** Log hp_metric = -1 with the hyperparameters, which the hparams page needs a metric for. */
  readonly defaultHpMetric?: boolean;
  /** Put before every metric's name, with a hyphen. */
  readonly prefix?: string;
  /** A folder below version_N that the files go into. */
  readonly subDir?: string | null;
  /** Put at the end of the event file's name. */
  readonly filenameSuffix?: string;
}

/** Writes event files that TensorBoard shows, in the folders of Lightning's TensorBoardLogger. */
export class TensorBoardLogger implements Logger {
  readonly #folder: LogFolder;
  readonly #prefix: string;
  readonly #subDir: string;
  readonly #defaultHpMetric: boolean;
  readonly #suffix: string;
  #experiment: SummaryWriter | null = null;
  #hparams: Readonly<Record<string, unknown>> = {};
  #lastStep = 0;

  constructor(
    saveDir: string,
    name: string | null = "lightning_logs",
    version: number | string | null = null,
    options: TensorBoardLoggerOptions = {},
  ) {
    if (options.logGraph === true) {
      throw new LtrainError("argument.invalid", "TensorBoardLogger: log_graph is not supported", {
        hint: "leave it out; ltrain train --dump-graph FILE writes the graphs that the engine runs",
      });
    }
    this.#folder = new LogFolder(saveDir, name, version);
    this.#prefix = options.prefix ?? "";
    this.#subDir = options.subDir ?? "";
    this.#defaultHpMetric = options.defaultHpMetric ?? true;
    this.#suffix = options.filenameSuffix ?? "";
  }

  get saveDir(): string {
    return this.#folder.saveDir;
  }
  get name(): string {
    return this.#folder.name;
  }
  /** Number or name of this run; when none was given, one more than the largest that is there. */
  get version(): number | string {
    return this.#folder.version;
  }
  get logDir(): string {
    return join(this.#folder.path, this.#subDir);
  }

  /** The writer itself, for histograms and whatever else is not a row of metrics. */
  get experiment(): SummaryWriter {
    this.#experiment ??= new SummaryWriter(this.logDir, { filenameSuffix: this.#suffix });
    return this.#experiment;
  }

  continueFrom(globalStep: number): Promise<void> {
    this.experiment.purgeFrom(globalStep);
    return Promise.resolve();
  }

  /** Keeps hyperparameters for hparams.yaml, and shows them on TensorBoard's page. */
  async logHyperparams(hparams: Readonly<Record<string, unknown>>): Promise<void> {
    this.#hparams = { ...this.#hparams, ...hparams };
    if (!this.#defaultHpMetric) return;
    await this.logMetrics({ hp_metric: -1 }, 0);
    this.experiment.addHparams(flatHparams(hparams), ["hp_metric"], 0);
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): Promise<void> {
    const prefix = this.#prefix === "" ? "" : `${this.#prefix}-`;
    const tagged = Object.entries(metrics).map(([name, value]) => [prefix + name, value] as const);
    this.experiment.addScalars(Object.fromEntries(tagged), step);
    this.#lastStep = step;
    return Promise.resolve();
  }

  async save(): Promise<void> {
    await this.#experiment?.flush();
    if (this.#experiment === null) return;
    const file = join(this.logDir, "hparams.yaml");
    if (!(await fileExists(file))) await writeTextAtomically(file, yamlText(this.#hparams));
  }

  async finalize(status: "success" | "failed" | "interrupted"): Promise<void> {
    if (this.#experiment === null) return;
    if (this.#defaultHpMetric && Object.keys(this.#hparams).length > 0) {
      const end = { success: "success", failed: "failure", interrupted: "unknown" } as const;
      this.experiment.endSession(end[status], this.#lastStep);
    }
    await this.save();
  }
}
