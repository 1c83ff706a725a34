import { join } from "node:path";
import { pythonFloat } from "../pickle/pythonFloat.js";
import type { Logger } from "../core/logger.js";
import { appendDurably } from "../io/durableAppend.js";
import { fileExists, makeFolder, readText, removeFile, writeTextAtomically } from "../io/textFile.js";
import { csvLine, csvRows } from "./csvTable.js";
import { LogFolder } from "./logFolder.js";

/** The rarer settings of a CSVLogger. */
export interface CSVLoggerOptions {
  /** Put before every metric's name, with a hyphen. */
  readonly prefix?: string;
  /** Rows of step n are brought to disk when n + 1 is a multiple of this. */
  readonly flushLogsEveryNSteps?: number;
}

/** Columns that Lightning fills with ints; every other cell is a float. */
const INT_COLUMNS = new Set(["epoch", "step"]);

type Row = Map<string, string>;

/** Writes metrics.csv and hparams.yaml byte for byte as Lightning's CSVLogger writes them. */
export class CSVLogger implements Logger {
  readonly #folder: LogFolder;
  readonly #prefix: string;
  readonly #flushEvery: number;
  #columns: string[] = [];
  #pending: Row[] = [];
  /** Rows of this run that are in the file. */
  #written = 0;
  /** Whether an append failed, of which a part may be there. */
  #isTorn = false;
  /** Whether an older metrics.csv has been dealt with. */
  #hasStarted = false;

  constructor(
    saveDir: string,
    name: string | null = "lightning_logs",
    version: number | string | null = null,
    options: CSVLoggerOptions = {},
  ) {
    this.#folder = new LogFolder(saveDir, name, version);
    this.#prefix = options.prefix ?? "";
    this.#flushEvery = options.flushLogsEveryNSteps ?? 100;
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
    return this.#folder.path;
  }

  /** Where the rows go. */
  get metricsFile(): string {
    return join(this.logDir, "metrics.csv");
  }

  get rowCount(): number {
    return this.#written + this.#pending.length;
  }

  /**
   * Go on with the metrics.csv that is there instead of starting over: with its first `rows` rows or, where nobody
   * counted them, without the rows of step `globalStep` and later.
   */
  async continueFrom(globalStep: number, rows: number | null = null): Promise<void> {
    await this.#folder.inTurn(async () => {
      this.#hasStarted = true;
      await this.#keep((row, index) => (rows === null ? Number(row.get("step")) < globalStep : index < rows));
    });
  }

  async cutTo(rows: number): Promise<void> {
    await this.#folder.inTurn(async () => {
      if (rows < this.#written) await this.#keep((_, index) => index < rows);
      this.#pending = this.#pending.slice(0, Math.max(0, rows - this.#written));
    });
  }

  logHyperparams(hparams: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#folder.logHparams(hparams);
  }

  async logMetrics(metrics: Readonly<Record<string, number>>, step: number): Promise<void> {
    const row: Row = new Map();
    for (const [name, value] of Object.entries(metrics)) {
      const isInt = INT_COLUMNS.has(name) && Number.isInteger(value);
      row.set(this.#prefix === "" ? name : `${this.#prefix}-${name}`, isInt ? String(value) : pythonFloat(value));
    }
    row.set("step", String(step));
    this.#pending.push(row);
    if ((step + 1) % this.#flushEvery === 0) await this.save();
  }

  async save(): Promise<void> {
    await this.#folder.inTurn(async () => {
      if (this.#pending.length === 0) return;
      await this.#startOver();
      const rows = [...this.#pending];
      const mustRewrite = this.#widen(rows) || this.#isTorn || !(await fileExists(this.metricsFile));
      this.#isTorn = true;
      if (mustRewrite) await this.#rewrite([...(await this.#writtenRows()), ...rows]);
      else await appendDurably(this.metricsFile, this.#lines(rows));
      this.#isTorn = false;
      this.#written += rows.length;
      this.#pending = this.#pending.slice(rows.length); // rows logged meanwhile wait for the next time
    });
  }

  async finalize(): Promise<void> {
    await this.save();
  }

  /** What an earlier run left in this folder is not this run's, unless it goes on: Lightning starts its metrics over. */
  async #startOver(): Promise<void> {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    await makeFolder(this.logDir);
    await removeFile(this.metricsFile);
  }

  /** Whether `rows` bring columns that were not there before; the header stays sorted. */
  #widen(rows: readonly Row[]): boolean {
    const before = this.#columns.length;
    this.#columns = [...new Set([...this.#columns, ...rows.flatMap((row) => [...row.keys()])])].sort();
    return this.#columns.length > before;
  }

  async #writtenRows(): Promise<Row[]> {
    if (!(await fileExists(this.metricsFile))) return [];
    return csvRows(await readText(this.metricsFile)).slice(0, this.#written);
  }

  /** Leave out rows of the file, and the columns that only they had. */
  async #keep(isKept: (row: Row, index: number) => boolean): Promise<void> {
    if (!(await fileExists(this.metricsFile))) return;
    const kept = csvRows(await readText(this.metricsFile)).filter(isKept);
    const named = kept.flatMap((row) => [...row].flatMap(([name, cell]) => (cell === "" ? [] : [name])));
    this.#columns = [...new Set(named)].sort();
    this.#written = kept.length;
    if (kept.length === 0) await removeFile(this.metricsFile);
    else await this.#rewrite(kept);
  }

  async #rewrite(rows: readonly Row[]): Promise<void> {
    await writeTextAtomically(this.metricsFile, this.#header() + this.#lines(rows));
  }

  #header(): string {
    return csvLine(this.#columns);
  }

  #lines(rows: readonly Row[]): string {
    return rows.map((row) => csvLine(this.#columns.map((column) => row.get(column) ?? ""))).join("");
  }
}
