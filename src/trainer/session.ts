import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { Stage, TrainerState } from "../core/trainerState.js";
import type { HookContext } from "../loops/callHooks.js";
import { callCallbacks, callHooks } from "../loops/callHooks.js";
import { userCode } from "../loops/userFailure.js";
import { createPrecision, requirePrecision } from "../precision/createPrecision.js";
import type { Precision } from "../precision/precision.js";
import type { ResolvedOptions } from "./options.js";

/** What is run, and with whom. */
export interface SessionParts {
  readonly trainer: TrainerState;
  readonly options: ResolvedOptions;
  readonly stage: Exclude<Stage, "sanityCheck">;
  readonly module: LightningModule;
  /** null where the batches come from a loader alone. */
  readonly datamodule: LightningDataModule | null;
  readonly hookLogs: HookContext["hookLogs"];
}

/** What fit, validate, test and predict have in common: setup before, teardown after, and who hears of a failure. */
export class Session {
  readonly context: HookContext;
  readonly #parts: SessionParts;
  readonly #releases: (() => Promise<void>)[] = [];

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { trainer, module, options, hookLogs } = parts;
    this.context = { trainer, module, callbacks: options.callbacks, hookLogs };
  }

  /** Make data and module ready, in Lightning's order; gives the precision that the module now has. */
  async setUp(): Promise<Precision> {
    const { trainer, options, module, datamodule, stage } = this.#parts;
    const precision = createPrecision(options.precision);
    requirePrecision(precision, trainer.executor);
    if (datamodule !== null) {
      const name = datamodule.constructor.name;
      await userCode(`${name}.prepareData`, () => datamodule.prepareData?.());
      await userCode(`${name}.setup`, () => datamodule.setup?.(stage));
    }
    await callHooks(this.context, "setup", [stage]);
    await precision.convertModule(module);
    return precision;
  }

  /** hparams of the module and the data module, as Lightning joins them for its loggers. */
  async logHyperparams(): Promise<void> {
    const { trainer, module, datamodule, options } = this.#parts;
    const hparams = {
      ...(datamodule?.logsHyperparams === true && datamodule.hparams),
      ...(module.logsHyperparams && module.hparams),
    };
    if (Object.keys(hparams).length === 0 || !options.enableAutologHparams) return;
    for (const logger of trainer.loggers) {
      await logger.logHyperparams(hparams);
      await logger.save();
    }
  }

  /** After the last hook of the stage: give back what setUp opened, and let the loggers know how it ended. */
  async tearDown(status: "success" | "interrupted"): Promise<void> {
    const { trainer, datamodule, stage } = this.#parts;
    if (datamodule !== null) {
      await userCode(`${datamodule.constructor.name}.teardown`, () => datamodule.teardown?.(stage));
    }
    await callHooks(this.context, "teardown", [stage]);
    for (const logger of trainer.loggers) await logger.finalize(status);
  }

  /** What is to be given back when all is over, also when something fails. */
  releaseLater(release: () => Promise<void>): void {
    this.#releases.push(release);
  }
  /** Give it back, the last first; what goes wrong in that keeps nothing else from being given back, and is told. */
  async release(): Promise<void> {
    for (const release of this.#releases.splice(0).reverse()) {
      await release().catch((error: unknown) => {
        this.#parts.trainer.warn(error instanceof Error ? error.message : String(error));
      });
    }
  }

  /** Whoever can still do something about it is told; what goes wrong in that does not hide what went wrong first. */
  async fail(error: unknown): Promise<void> {
    for (const callback of this.context.callbacks) {
      await callCallbacks(this.context, "onException", [error], [callback]).catch(() => undefined);
    }
    for (const logger of this.#parts.trainer.loggers) await logger.finalize("failed").catch(() => undefined);
  }
}
