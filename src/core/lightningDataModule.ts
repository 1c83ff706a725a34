import type { DataLoader } from "../data/dataLoader.js";
import type { PyDict } from "../pickle/values.js";
import type { Hparams, SaveHyperparametersOptions } from "./hparams.js";
import { keepHparams, NO_HPARAMS } from "./hparams.js";
import type { ClassWithHparams, LoadFromCheckpointOptions, Overrides } from "./loadFromCheckpoint.js";
import { loadDataModule } from "./loadFromCheckpoint.js";
import type { Stage } from "./trainerState.js";

/** Where the batches come from: Lightning's LightningDataModule. */
export abstract class LightningDataModule {
  #hparams = NO_HPARAMS;

  get hparams(): Hparams {
    return this.#hparams.values;
  }
  /** What the checkpoint calls them: datamodule_hparams_name. */
  get hparamsName(): string {
    return this.#hparams.name;
  }
  /** Whether loggers are given them. */
  get logsHyperparams(): boolean {
    return this.#hparams.logger;
  }
  /** Keep the constructor's arguments for the checkpoint: call it in the constructor with the arguments object. */
  protected saveHyperparameters(args: object, options: SaveHyperparametersOptions = {}): void {
    this.#hparams = keepHparams(this.#hparams, args, options, this.constructor.name);
  }
  /** A data module of this class from a checkpoint: made of its hyperparameters, with its state. */
  static loadFromCheckpoint<C extends ClassWithHparams<LightningDataModule>>(
    this: C,
    path: string,
    overrides: Overrides<C> | Readonly<Record<string, never>> = {},
    options: Pick<LoadFromCheckpointOptions, "hparamsFile" | "mapLocation" | "onWarning"> = {},
  ): Promise<InstanceType<C>> {
    return loadDataModule(this, path, overrides, options);
  }

  /** Check that the data is there; a missing file is data.missing, with what was looked for. */
  prepareData?(): void | Promise<void>;
  /** Open the data; called once before loaders are asked for. */
  setup?(stage: Stage): void | Promise<void>;
  /** Give back what setup opened. */
  teardown?(stage: Stage): void | Promise<void>;
  abstract trainDataloader(): DataLoader;
  valDataloader?(): DataLoader | null | Promise<DataLoader | null>;
  testDataloader?(): DataLoader | null | Promise<DataLoader | null>;
  predictDataloader?(): DataLoader | null | Promise<DataLoader | null>;
  /**
   * Batches of the file or folder that `ltrain predict --input` names, made as this module makes its own; nothing has
   * been set up then, but the state of a checkpoint has been loaded. (ltrain's own.)
   */
  inputDataloader?(path: string): DataLoader | Promise<DataLoader>;
  /** State for the checkpoint, under the class's name; null leaves no entry. */
  stateDict(): PyDict | null {
    return null;
  }
  loadStateDict?(state: PyDict): void | Promise<void>;
}
