import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DataLoader, LightningDataModule, TensorDataset } from "ltrain";

/** How much of an IDX file of images to train on. */
interface FirstImagesArgs {
  readonly folder: string;
  readonly size: number;
  readonly batch_size: number;
  readonly shuffle?: boolean;
  readonly val_size?: number;
}

/** A user's own data module: the first images of an IDX folder, in the order of the file. */
export class FirstImages extends LightningDataModule {
  readonly #args: FirstImagesArgs;

  constructor(args: FirstImagesArgs) {
    super();
    this.#args = args;
  }
  trainDataloader(): DataLoader {
    const { size, batch_size: batchSize, shuffle = false } = this.#args;
    return new DataLoader(this.#images(0, size), { batchSize, shuffle });
  }
  override valDataloader(): DataLoader | null {
    const { size, batch_size: batchSize, val_size: valSize = 0 } = this.#args;
    return valSize === 0 ? null : new DataLoader(this.#images(size, valSize), { batchSize });
  }
  #images(start: number, count: number): TensorDataset {
    const raw = readFileSync(join(this.#args.folder, "train-images-idx3-ubyte"));
    const pixels = raw.subarray(16 + start * 784, 16 + (start + count) * 784);
    // As `x.float() / 255` in torch: a float32 division.
    const values = Float32Array.from(pixels, (byte) => byte / 255);
    return new TensorDataset({ dtype: "float32", shape: [count, 784], bytes: new Uint8Array(values.buffer) });
  }
}
