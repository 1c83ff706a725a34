import type { EngineName, Executor } from "./executor.js";

/** Which device to compute on, as `--accelerator` takes it. */
export type Accelerator = "auto" | "cpu" | "gpu";

/** What createExecutor chooses by. */
export interface ExecutorOptions {
  readonly engine?: EngineName | "auto";
  readonly accelerator?: Accelerator;
}

/** The Executor for an engine and an accelerator; engine.unavailable says what was tried. */
export function createExecutor(options: ExecutorOptions = {}): Promise<Executor> {
  return Promise.reject(new Error(`not written ${String(options.engine)}`));
}
