import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DataLoader, LightningDataModule, TensorDataset, type HostTensor } from "ltrain";

/** How much of an IDX folder to train on. */
interface FirstImagesArgs {
  readonly folder: string;
  readonly size: number;
  readonly batch_size: number;
  readonly shuffle?: boolean;
  readonly val_size?: number;
  /** Instead of images and digits: 16 pixels of every image in 8 grades, and the one that follows each. */
  readonly tokens?: boolean;
}

const PIXELS = 28 * 28;
/** Where the tokens of an image begin, and how many pixels they are made of. */
const [FIRST_TOKEN, TOKENS] = [14 * 28 + 6, 17];

/** A user's own data module: the first images of an IDX folder, in the order of the file. */
export class FirstImages extends LightningDataModule {
  readonly #args: FirstImagesArgs;

  constructor(args: FirstImagesArgs) {
    super();
    this.#args = args;
  }
  trainDataloader(): DataLoader {
    const { size, batch_size: batchSize, shuffle = false } = this.#args;
    return new DataLoader(this.#rows(0, size), { batchSize, shuffle });
  }
  override valDataloader(): DataLoader | null {
    const { size, batch_size: batchSize, val_size: valSize = 0 } = this.#args;
    return valSize === 0 ? null : new DataLoader(this.#rows(size, valSize), { batchSize });
  }

  #rows(start: number, count: number): TensorDataset {
    const { folder, tokens = false } = this.#args;
    const raw = readFileSync(join(folder, "train-images-idx3-ubyte"));
    const pixels = raw.subarray(16 + start * PIXELS, 16 + (start + count) * PIXELS);
    if (tokens) return new TensorDataset(tokensOf(pixels, count, 0), tokensOf(pixels, count, 1));
    const digits = readFileSync(join(folder, "train-labels-idx1-ubyte")).subarray(8 + start, 8 + start + count);
    // As `x.float() / 255` in torch: a float32 division.
    const values = Float32Array.from(pixels, (byte) => byte / 255);
    return new TensorDataset(
      { dtype: "float32", shape: [count, PIXELS], bytes: new Uint8Array(values.buffer) },
      int64([count], Array.from(digits)),
    );
  }
}

function tokensOf(pixels: Uint8Array, count: number, shift: number): HostTensor {
  const rows = Array.from({ length: count }, (_, i) => {
    const start = i * PIXELS + FIRST_TOKEN + shift;
    return Array.from(pixels.subarray(start, start + TOKENS - 1), (byte) => byte >> 5);
  });
  return int64([count, TOKENS - 1], rows.flat());
}

function int64(shape: readonly number[], values: readonly number[]): HostTensor {
  return { dtype: "int64", shape, bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}
