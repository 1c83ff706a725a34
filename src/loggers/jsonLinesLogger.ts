import { join } from "node:path";
import type { Logger } from "../core/logger.js";
import { appendText, fileExists, readText, writeTextAtomically } from "../io/textFile.js";
import { LogFolder } from "./logFolder.js";

/** The rarer settings of a JSONLinesLogger. */
export interface JSONLinesLoggerOptions {
  /** Put before every metric's name, with a hyphen. */
  readonly prefix?: string;
}

/** Writes metrics.jsonl, one object per row, and hparams.yaml: for jq, pandas.read_json(lines=True) and the like. */
export class JSONLinesLogger implements Logger {
  readonly #folder: LogFolder;
  readonly #prefix: string;
  #pending = "";
  #rows = 0;
  /** Whether an older metrics.jsonl has been dealt with. */
  #hasStarted = false;
  /** Whether an append failed, of which a part may be there. */
  #isTorn = false;

  constructor(
    saveDir: string,
    name: string | null = "lightning_logs",
    version: number | string | null = null,
    options: JSONLinesLoggerOptions = {},
  ) {
    this.#folder = new LogFolder(saveDir, name, version);
    this.#prefix = options.prefix ?? "";
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
    return join(this.logDir, "metrics.jsonl");
  }

  /** Rows of this run so far, those before a resume included. */
  get rowCount(): number {
    return this.#rows;
  }

  /** Go on with the rows that are there, without those of step `globalStep` and later, and without half a line. */
  continueFrom(globalStep: number): Promise<void> {
    return this.#cut((lines) => lines.filter((line) => stepOf(line) < globalStep));
  }

  /** Go on with the first `rows` rows of what is there. */
  cutTo(rows: number): Promise<void> {
    return this.#cut((lines) => lines.slice(0, rows));
  }

  logHyperparams(hparams: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#folder.logHparams(hparams);
  }

  /** JSON has no word for NaN and infinities: they are written as the text "NaN", "Infinity", "-Infinity". */
  logMetrics(metrics: Readonly<Record<string, number>>, step: number): Promise<void> {
    const prefix = this.#prefix === "" ? "" : `${this.#prefix}-`;
    const named = Object.entries(metrics).map(
      ([name, value]) => [prefix + name, Number.isFinite(value) ? value : String(value)] as const,
    );
    this.#rows += 1;
    this.#pending += `${JSON.stringify({ step, ...Object.fromEntries(named) })}\n`;
    return Promise.resolve();
  }

  save(): Promise<void> {
    return this.#folder.inTurn(async () => {
      if (this.#pending === "") return;
      const text = this.#pending;
      // What an earlier run left in this folder is not this run's, unless it goes on.
      const mustRewrite = !this.#hasStarted || this.#isTorn;
      const before = this.#isTorn ? await this.#writtenLines(text) : "";
      if (mustRewrite) await writeTextAtomically(this.metricsFile, before + text);
      else {
        this.#isTorn = true;
        await appendText(this.metricsFile, text);
      }
      this.#isTorn = false;
      this.#hasStarted = true;
      this.#pending = this.#pending.slice(text.length);
    });
  }

  finalize(): Promise<void> {
    return this.save();
  }

  /** What is in the file without the half of `text` that an append has left there. */
  async #writtenLines(text: string): Promise<string> {
    const count = this.#rows - (text.split("\n").length - 1);
    const lines = (await readText(this.metricsFile)).split("\n").slice(0, count);
    return lines.map((line) => `${line}\n`).join("");
  }

  #cut(keep: (lines: readonly string[]) => readonly string[]): Promise<void> {
    return this.#folder.inTurn(async () => {
      this.#hasStarted = true;
      if (!(await fileExists(this.metricsFile))) return;
      const lines = (await readText(this.metricsFile)).split("\n").slice(0, -1);
      const kept = keep(lines);
      this.#rows = kept.length;
      await writeTextAtomically(this.metricsFile, kept.map((line) => `${line}\n`).join(""));
    });
  }
}

/** Infinity where a line is none of ours: it goes. */
function stepOf(line: string): number {
  try {
    const row = JSON.parse(line) as { readonly step?: unknown } | null;
    return typeof row?.step === "number" ? row.step : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
