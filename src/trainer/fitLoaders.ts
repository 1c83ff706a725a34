import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { TrainerState } from "../core/trainerState.js";
import { DataLoader } from "../data/dataLoader.js";
import { datasetFingerprint } from "../data/datasetFingerprint.js";
import { LtrainError } from "../errors.js";
import type { Interruption } from "../loops/interruption.js";
import type { TrainingEpochLoop } from "../loops/trainingEpochLoop.js";
import { userCode } from "../loops/userFailure.js";
import { limitedBatches } from "./batchLimit.js";
import type { ResolvedOptions } from "./options.js";

/** Whose data is loaded, and who is told how much there is. */
export interface FitLoadersParts {
  readonly interruption: Interruption;
  readonly trainer: TrainerState;
  readonly module: LightningModule;
  readonly datamodule: LightningDataModule;
  readonly options: ResolvedOptions;
  readonly epochLoop: TrainingEpochLoop;
}

/** The loaders of a fit: asked for once, or every so many epochs, and limited as the trainer says. */
export class FitLoaders {
  /** What the training data is known by; null where it may be another one every epoch. */
  fingerprint: string | null = null;
  readonly #parts: FitLoadersParts;
  #train: DataLoader | null = null;
  /** The epochs in which the loaders were asked for last. */
  #trainEpoch = 0;
  #valEpoch = 0;

  constructor(parts: FitLoadersParts) {
    this.#parts = parts;
  }

  /** Whether there is anything to validate with. */
  get validates(): boolean {
    const { datamodule, module, options } = this.#parts;
    return (
      module.validationStep !== undefined && datamodule.valDataloader !== undefined && options.limitValBatches !== 0
    );
  }

  /** The training loader. */
  async training(): Promise<DataLoader> {
    return this.#train ?? this.#askForTraining();
  }

  /** A fresh training loader for the epoch that begins, where it is time for one; else null. */
  async reloaded(): Promise<DataLoader | null> {
    if (!this.#isDue(this.#trainEpoch)) return null;
    await this.#train?.close();
    return this.#askForTraining();
  }

  /** See to the validation loader; in `sanityCheck` of an epoch without validations, it does not count as asked for. */
  async validation(sanityCheck: boolean): Promise<void> {
    const { datamodule, options, epochLoop, trainer } = this.#parts;
    const { validation, schedule } = epochLoop;
    if (!this.validates || (validation.loader !== null && !this.#isDue(this.#valEpoch))) return;
    const counts = !sanityCheck || schedule.includes(trainer.currentEpoch);
    this.#valEpoch = counts ? trainer.currentEpoch : Number.NEGATIVE_INFINITY;
    await validation.loader?.close();
    const name = `${datamodule.constructor.name}.valDataloader`;
    const loader = (await userCode(name, () => datamodule.valDataloader?.())) ?? null;
    if (loader === null) return;
    validation.loader = this.#ordered(loader, "validation");
    validation.numBatches = limitedBatches("limit_val_batches", loader.length, options.limitValBatches);
  }

  /** Validations that would never come are refused, as in Lightning. */
  checkInterval(): void {
    const { options, epochLoop } = this.#parts;
    const { valCheckInterval, valCheckSeconds, checkValEveryNEpoch } = options;
    const { numTrainingBatches } = epochLoop;
    if (!this.validates || valCheckSeconds !== null || checkValEveryNEpoch === null || numTrainingBatches === 0) return;
    if (valCheckInterval === null || valCheckInterval <= numTrainingBatches) return;
    throw new LtrainError(
      "config.invalid",
      `trainer.val_check_interval is ${valCheckInterval} batches, and an epoch has ${numTrainingBatches}`,
      {
        hint:
          "check_val_every_n_epoch: null counts the batches across epochs; limit_val_batches: 0 trains without " +
          "validation",
      },
    );
  }

  /** End the data workers. */
  async close(): Promise<void> {
    await this.#train?.close();
    await this.#parts.epochLoop.validation.loader?.close();
  }

  async #askForTraining(): Promise<DataLoader> {
    const { datamodule, options, epochLoop, trainer, interruption } = this.#parts;
    const given = await userCode(`${datamodule.constructor.name}.trainDataloader`, () => datamodule.trainDataloader());
    const loader = this.#ordered(given, "training");
    epochLoop.numTrainingBatches = limitedBatches("limit_train_batches", loader.length, options.limitTrainBatches);
    this.#train = loader;
    this.#trainEpoch = trainer.currentEpoch;
    const isTheSame = options.reloadDataloadersEveryNEpochs === 0 && !trainer.fastDevRun;
    this.fingerprint = isTheSame ? await interruption.orNull(datasetFingerprint(loader.dataset)) : null;
    this.checkInterval();
    return loader;
  }

  #isDue(since: number): boolean {
    const every = this.#parts.options.reloadDataloadersEveryNEpochs;
    return every > 0 && this.#parts.trainer.currentEpoch - since >= every;
  }

  /** Whoever overfits a few batches wants the same ones every epoch. */
  #ordered(loader: DataLoader, stage: "training" | "validation"): DataLoader {
    const { options, trainer } = this.#parts;
    if (!options.overfits || !loader.shuffle) return loader;
    trainer.warn(`trainer.overfit_batches turns off the shuffling of the ${stage} data`);
    return loader.inOrder();
  }
}
