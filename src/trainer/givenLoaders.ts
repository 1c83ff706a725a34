import { LightningDataModule } from "../core/lightningDataModule.js";
import type { DataLoader } from "../data/dataLoader.js";

/** Loaders to train and to validate on: Lightning's train_dataloaders and val_dataloaders. */
export interface FitLoaders {
  readonly trainDataloader: DataLoader;
  readonly valDataloader?: DataLoader;
}

/** What fit trains on: a data module, loaders, or a loader alone to train on. */
export type FitData = LightningDataModule | FitLoaders | DataLoader;

/** The data module, or one that has the loaders given and nothing of its own: a checkpoint says nothing of it. */
export function dataModuleOf(data: FitData): LightningDataModule {
  if (data instanceof LightningDataModule) return data;
  return new GivenLoaders("trainDataloader" in data ? data : { trainDataloader: data });
}

class GivenLoaders extends LightningDataModule {
  readonly #loaders: FitLoaders;

  constructor(loaders: FitLoaders) {
    super();
    this.#loaders = loaders;
  }

  trainDataloader(): DataLoader {
    return this.#loaders.trainDataloader;
  }

  override valDataloader(): DataLoader | null {
    return this.#loaders.valDataloader ?? null;
  }
}
