import { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule } from "../core/lightningModule.js";
import { DataLoader } from "../data/dataLoader.js";
import { LtrainError } from "../errors.js";
import { userCode } from "../loops/userFailure.js";

/** What gives batches: a data module, or a loader alone. */
export type DataGiven = LightningDataModule | DataLoader;

/** The methods that give loaders where nothing is trained. */
export type LoaderHook = "valDataloader" | "testDataloader" | "predictDataloader";

/** Where batches come from: a loader, or the data module's hook, or the module's own, in this order as in Lightning. */
export class DataSource {
  readonly #given: DataGiven | null;
  readonly #module: LightningModule;

  constructor(given: DataGiven | null, module: LightningModule) {
    this.#given = given;
    this.#module = module;
  }

  /** null where there is none. */
  get datamodule(): LightningDataModule | null {
    return this.#given instanceof LightningDataModule ? this.#given : null;
  }

  /** Refuse what cannot give batches before anything is set up; `verb` is the trainer's method. */
  require(hook: LoaderHook, verb: string): void {
    if (this.#given instanceof DataLoader || this.#owner(hook) !== null) return;
    const names = [this.datamodule, this.#module].flatMap((each) => (each === null ? [] : [each.constructor.name]));
    throw new LtrainError("config.invalid", `${names.join(" and ")} ${names.length > 1 ? "have" : "has"} no ${hook}`, {
      hint: `Trainer.${verb} takes its batches from ${hook} of the data module, or from a DataLoader given to it`,
    });
  }

  /** Ask for the loader; null where its owner has nothing to give. */
  async loader(hook: LoaderHook): Promise<DataLoader | null> {
    if (this.#given instanceof DataLoader) return this.#given;
    const owner = this.#owner(hook);
    return (await userCode(`${owner?.constructor.name ?? ""}.${hook}`, () => owner?.[hook]?.())) ?? null;
  }

  #owner(hook: LoaderHook): LightningDataModule | LightningModule | null {
    const { datamodule } = this;
    if (datamodule?.[hook] !== undefined) return datamodule;
    return this.#module[hook] === undefined ? null : this.#module;
  }
}
