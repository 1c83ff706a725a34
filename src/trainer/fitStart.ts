import type { CheckpointIO } from "../checkpoint/checkpointIO.js";
import { verifyCheckpoint } from "../checkpoint/verifyCheckpoint.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { DataLoader } from "../data/dataLoader.js";
import { LtrainError } from "../errors.js";
import { userCode } from "../loops/userFailure.js";
import type { FitRunParts } from "./fitRun.js";
import { FitRun } from "./fitRun.js";
import { isSameRun, skipTrained } from "./goOn.js";
import type { LtrainState } from "./ltrainState.js";
import { resolveSetup } from "./optimizerSetup.js";
import { restoreData } from "./restoreData.js";
import type { RestoredRun } from "./restoreRun.js";
import { restoreRun } from "./restoreRun.js";

/** What a fit is made of, and where it starts. */
export interface FitStartParts extends Omit<FitRunParts, "setup"> {
  readonly module: LightningModule;
  readonly datamodule: LightningDataModule;
  readonly io: CheckpointIO;
  /** The checkpoint to go on from. */
  readonly ckptPath: string | null;
  /** Whether every byte of it is looked at first; it is unless this is false. */
  readonly verify?: boolean;
  /** Whether training data that has changed since is only told. */
  readonly allowDataChange?: boolean;
}

/** The beginning of a fit: its optimizers, and everything that a checkpoint brings back. */
export class FitStart {
  readonly #parts: FitStartParts;
  #restored: RestoredRun | null = null;

  constructor(parts: FitStartParts) {
    this.#parts = parts;
  }

  /** The run with its optimizers, as fresh as it is or as the checkpoint has it. */
  async run(): Promise<FitRun> {
    const { ckptPath: path, io, module } = this.#parts;
    const configure = (): Promise<FitRun> => this.#configure();
    if (path === null) return configure();
    if (this.#parts.verify !== false) await requireSound(path);
    const { checkpoint, close } = await io.load(path);
    try {
      this.#restored = await restoreRun({ checkpoint, path, module, configure, warn: this.#warn });
      return this.#restored.run;
    } finally {
      await close();
    }
  }

  /** The last of a resume: loggers, data position, and the random state after whatever has drawn from it so far. */
  async goOn(loader: DataLoader): Promise<void> {
    if (this.#restored === null) return;
    const { run, ltrain, lateEpoch } = this.#restored;
    for (const logger of run.trainer.loggers) {
      if (ltrain !== null && isSameRun(logger, this.#parts.ckptPath, ltrain.logDir)) {
        const rows = ltrain.rowsOf(logger);
        await logger.continueFrom?.(run.trainer.globalStep, rows);
        if (rows !== null && ltrain.dueRow !== null) await logger.logMetrics(ltrain.dueRow.metrics, ltrain.dueRow.step);
      }
    }
    this.#restoreData(run, ltrain, loader);
    if (lateEpoch !== null) await run.epochLoop.stepLatePlateauSchedulers(lateEpoch);
  }

  #restoreData(run: FitRun, ltrain: LtrainState | null, loader: DataLoader): void {
    if (ltrain !== null) {
      const { allowDataChange: allowChange = false } = this.#parts;
      restoreData(run, ltrain.data, loader, { allowChange, warn: this.#warn });
      ltrain.restoreRandomState();
      return;
    }
    const isInsideEpoch = skipTrained(run.fitLoop, loader);
    if (!loader.shuffle) return;
    this.#warn(
      isInsideEpoch
        ? "the checkpoint was written in mid-epoch and has no data position: the rest of the epoch is another " +
            "shuffle's, so some examples come twice and others not at all"
        : "the checkpoint has no random state, as Lightning saves none: from here on the data comes in another order " +
            "than in the unbroken run",
    );
  }

  readonly #warn = (message: string): void => {
    this.#parts.trainer.warn(message);
  };

  async #configure(): Promise<FitRun> {
    const { module } = this.#parts;
    const place = `${module.constructor.name}.configureOptimizers`;
    const given = await userCode(place, () => module.configureOptimizers());
    return new FitRun({ ...this.#parts, setup: resolveSetup(given, module, this.#warn) });
  }
}

/** A damaged file is an error before anything is taken from it. */
async function requireSound(path: string): Promise<void> {
  const [problem] = (await verifyCheckpoint(path)).problems;
  if (problem === undefined) return;
  const message = problem.message.includes(path) ? problem.message : `${path}: ${problem.message}`;
  throw new LtrainError(problem.code, message, problem.hint === null ? {} : { hint: problem.hint });
}
