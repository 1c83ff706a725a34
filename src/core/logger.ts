/** Where numbers go: Lightning's Logger. */
export interface Logger {
  readonly name: string;
  /** Folder of this run, or null when the logger keeps none. */
  readonly logDir: string | null;
  /** Once, before the first step; values are plain YAML data. */
  logHyperparams(hparams: Readonly<Record<string, unknown>>): Promise<void>;
  /** Rows of this run so far, those before a resume included. */
  readonly rowCount?: number;
  /**
   * Before the first row of a resumed run: go on with the first `rows` rows of what is there; where nobody counted them,
   * without those from step `globalStep` on.
   */
  continueFrom?(globalStep: number, rows?: number | null): Promise<void>;
  /** Take back all rows of this run but the first `rows`. */
  cutTo?(rows: number): Promise<void>;
  /** One row of metrics at one 0-based step; `epoch` is among them, as Lightning puts it there. */
  logMetrics(metrics: Readonly<Record<string, number>>, step: number): Promise<void>;
  /** Bring what is buffered to disk. */
  save(): Promise<void>;
  /** After the last row; `status` says how the run ended. */
  finalize(status: "success" | "failed" | "interrupted"): Promise<void>;
}
