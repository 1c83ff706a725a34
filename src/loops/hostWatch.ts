import type { LightningModule } from "../core/lightningModule.js";
import type { TrainerState } from "../core/trainerState.js";
import { userLine } from "../engine/callSite.js";
import { LtrainError } from "../errors.js";
import { HostFields } from "./hostFields.js";

/** Added to a batch's index when a step is captured again: far away, odd and prime, so that any use of it shows. */
export const OTHER_BATCH = 1_000_003;

/** What of the trainer is another at every step. */
const CHANGING: ReadonlySet<string> = new Set([
  "globalStep",
  "batchIdx",
  "isLastBatch",
  "loggerStep",
  "shouldLog",
  "shouldStop",
  "validatesNext",
  "learningRates",
  "callbackMetrics",
  "progressBarMetrics",
] satisfies (keyof TrainerState)[]);

/**
 * Sees to it that a captured step keeps nothing that changes. Of what changes rarely, the module's plain fields and the
 * trainer's numbers that the step reads, it knows the values: other values are another capture. What a recording
 * must neither read nor change is engine.unsupported.
 */
export class HostWatch {
  readonly #module: LightningModule;
  readonly #step: string;
  readonly #fields: HostFields;
  /** Names of the trainer's values that the step has read. */
  readonly #read = new Set<string>();
  #known = 0;

  /** `step` is the name of the module's method. */
  constructor(module: LightningModule, step: string) {
    this.#module = module;
    this.#step = `${module.constructor.name}.${step}`;
    this.#fields = new HostFields(module);
  }

  /** Whether the step has read of the trainer what it had not read when this was last asked. */
  get hasNews(): boolean {
    const news = this.#read.size > this.#known;
    this.#known = this.#read.size;
    return news;
  }

  /** What the step may see of this moment, in one string. */
  key(): string {
    if (this.#read.size === 0) return this.#fields.key();
    const trainer = this.#module.trainer ?? {};
    const values = [...this.#read].map((name) => [name, Reflect.get(trainer, name) as unknown]);
    return `${this.#fields.key()} ${JSON.stringify(values)}`;
  }

  /** Run the step while it is being recorded. */
  record<T>(body: () => T): T {
    const module = this.#module;
    const { trainer } = module;
    this.#fields.refresh();
    const before = this.#fields.values();
    module.trainer = trainer === null ? null : this.#watched(trainer);
    try {
      const result = body();
      this.#refuseChanges(before);
      return result;
    } finally {
      module.trainer = trainer;
    }
  }

  #watched(trainer: TrainerState): TrainerState {
    return new Proxy(trainer, {
      get: (target, name): unknown => {
        if (typeof name === "string" && CHANGING.has(name)) throw this.#changing(name);
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value === "function") return (value as (...args: unknown[]) => unknown).bind(target);
        if (typeof value !== "object" && typeof name === "string") this.#read.add(name);
        return value;
      },
    });
  }

  #changing(name: string): LtrainError {
    return new LtrainError(
      "engine.unsupported",
      `${this.#step} reads trainer.${name} at ${userLine()}: a captured step would keep the value of this moment`,
      { hint: "do it in a hook such as onTrainBatchEnd, or train with --engine tfjs" },
    );
  }

  #refuseChanges(before: readonly unknown[]): void {
    const after = this.#fields.values();
    const at = after.findIndex((value, i) => !Object.is(value, before[i]));
    if (at < 0 && after.length === before.length) return;
    const name = this.#fields.names()[Math.max(at, 0)] ?? "a field";
    throw new LtrainError(
      "engine.unsupported",
      `${this.#step} changes ${name}: it runs when it is captured, and not at every batch`,
      { hint: "change it in a hook such as onTrainBatchStart, or train with --engine tfjs" },
    );
  }
}
