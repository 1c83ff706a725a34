import type { DataLoader } from "../data/dataLoader.js";
import type { PyDict } from "../pickle/values.js";
import type { Hparams } from "./lightningModule.js";
import type { Stage } from "./trainerState.js";

/** Where the batches come from: Lightning's LightningDataModule. */
export abstract class LightningDataModule {
  #hparams: Hparams = {};

  get hparams(): Hparams {
    return this.#hparams;
  }
  protected saveHyperparameters(args: Hparams): void {
    this.#hparams = { ...this.#hparams, ...args };
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
