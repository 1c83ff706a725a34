import type { LightningModule, LogSink } from "../core/lightningModule.js";
import { float32Values } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";
import { toHost } from "../tensor/transfer.js";
import { Results } from "./results.js";

interface WaitingLog {
  readonly hook: string;
  readonly name: string;
  readonly value: Tensor;
  readonly options: Parameters<LogSink>[2];
}

/** What hooks log, outside of steps: numbers count at once, tensors are read when the hook is over. */
export class HookLogs {
  readonly #module: LightningModule;
  #results: Results;
  #batchSize = 1;
  #waiting: WaitingLog[] = [];
  #news = false;

  constructor(module: LightningModule, results: Results) {
    this.#module = module;
    this.#results = results;
  }

  /** From now on hooks log into `results`. */
  into(results: Results): Results {
    const before = this.#results;
    this.#results = results;
    return before;
  }
  /** The weight of what hooks around a batch log. */
  set batchSize(size: number) {
    this.#batchSize = size;
  }

  /** Whether anything was logged since this was asked last. */
  takeNews(): boolean {
    const news = this.#news;
    this.#news = false;
    return news;
  }

  enter(hook: string): void {
    this.#module.takeLogs((name, value, options) => {
      if (typeof value === "number") this.#log(hook, name, value, options);
      else this.#waiting.push({ hook, name, value, options });
    });
  }

  leave(): void | Promise<void> {
    this.#module.takeLogs(null);
    if (this.#waiting.length > 0) return this.#settle();
  }

  async #settle(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { hook, name, value, options } of waiting) {
      const [number] = float32Values(await toHost(value, "float32"));
      if (number !== undefined) this.#log(hook, name, number, options);
    }
  }

  #log(hook: string, name: string, value: number, options: Parameters<LogSink>[2]): void {
    this.#news = true;
    const inBatch = hook.startsWith("onTrainBatch");
    const aroundBatch = inBatch || hook.startsWith("onValidationBatch") || hook.startsWith("onTestBatch");
    const batchSize = options.batchSize ?? (aroundBatch ? this.#batchSize : 1);
    this.#results.log(hook, name, Math.fround(value), Results.resolve(options, inBatch), batchSize);
  }
}
