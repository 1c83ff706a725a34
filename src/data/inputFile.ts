import { basename, extname, join } from "node:path";
import { LtrainError } from "../errors.js";
import { openFile } from "../io/fileSource.js";
import { listFolder, readBytes, readText, statusOf } from "../io/textFile.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { float32Tensor, numelOf } from "../storage/hostTensor.js";
import type { Column } from "./column.js";
import { pixelColumn, tensorColumn } from "./column.js";
import { readCsv } from "./csv.js";
import type { Dataset } from "./dataset.js";
import { decodeImage, IMAGE_EXTENSIONS, withChannels } from "./image.js";
import { readNpy } from "./npy.js";
import type { Image } from "./pixels.js";

/** Examples to predict on, read from files: a batch is a list of one tensor, as a TensorDataset has it. */
export interface InputDataset extends Dataset {
  /** The shape of one example. */
  readonly shape: readonly number[];
  /** What each example is called, where it has a name: an image's file. */
  readonly names: readonly string[] | null;
  getBatch(indices: readonly number[] | Int32Array): Promise<[HostTensor]>;
}

/** How a file is to be read. */
export interface InputOptions {
  /** Channels that images are to have: 1 makes them grey, 3 colour. As they are in the first one when not given. */
  readonly channels?: 1 | 3;
}

/**
 * The rows of a CSV file (float32 [n, columns]) or of an .npy array, or images (float32 [n, C, H, W] from 0 to 1): one, or
 * all of a folder in the order of their names.
 */
export async function openInput(path: string, options: InputOptions = {}): Promise<InputDataset> {
  const status = await statusOf(path);
  if (status === undefined) throw new LtrainError("data.missing", `there is no file or folder ${path}`);
  if (status.kind === "folder") return openImages(await imagesIn(path), options);
  const extension = extname(path).toLowerCase();
  if (extension === ".csv") return new Rows(csvRows(await readText(path), path));
  if (extension === ".npy") return new Rows(await npyRows(path));
  if (isImage(path)) return openImages([path], options);
  throw new LtrainError(
    "data.malformed",
    `${path}: there is no way to read ${extension || "a file like this"} to predict on`,
    {
      hint: `name a .csv or .npy file, an image (${IMAGE_EXTENSIONS.join(", ")}) or a folder of images`,
    },
  );
}

/** The same examples in another shape of as many elements. */
export function reshaped(input: InputDataset, shape: readonly number[]): InputDataset {
  if (numelOf(shape) !== numelOf(input.shape)) throw new Error(`[${input.shape.join()}] cannot be [${shape.join()}]`);
  return {
    length: input.length,
    shape,
    names: input.names,
    getBatch: async (indices) => {
      const [batch] = await input.getBatch(indices);
      return [{ ...batch, shape: [indices.length, ...shape] }];
    },
  };
}

class Rows implements InputDataset {
  readonly length: number;
  readonly shape: readonly number[];
  readonly names = null;
  readonly #column: Column;

  constructor(rows: HostTensor) {
    this.shape = rows.shape.slice(1);
    this.#column = rows.dtype === "uint8" ? pixelColumn(rows) : tensorColumn(rows);
    this.length = this.#column.length;
  }
  getBatch(indices: readonly number[] | Int32Array): Promise<[HostTensor]> {
    return Promise.resolve([this.#column.gather(indices)]);
  }
}

function csvRows(text: string, path: string): HostTensor {
  const { columns, rows, values } = readCsv(text, path);
  return float32Tensor(Float32Array.from(values), [rows, columns.length]);
}

/** float64, in which numpy counts, becomes float32; bytes are taken for pixels. */
async function npyRows(path: string): Promise<HostTensor> {
  const source = await openFile(path);
  try {
    const array = await readNpy(source, path);
    if (array.shape.length === 0) throw new LtrainError("data.malformed", `${path}: one number, and no rows of them`);
    if (array.dtype !== "float64") return array;
    const { buffer } = array.bytes.slice();
    return float32Tensor(Float32Array.from(new Float64Array(buffer)), array.shape);
  } finally {
    await source.close();
  }
}

function isImage(name: string): boolean {
  return IMAGE_EXTENSIONS.includes(extname(name).toLowerCase());
}

async function imagesIn(folder: string): Promise<string[]> {
  const files = (await listFolder(folder)).filter(({ kind }) => kind === "file").map(({ name }) => name);
  const images = files.filter(isImage);
  if (images.length > 0) return images.map((name) => join(folder, name));
  throw new LtrainError("data.missing", `there are no images in ${folder}`, {
    hint: `images are files that end in ${IMAGE_EXTENSIONS.join(", ")}`,
  });
}

async function openImages(paths: readonly string[], { channels }: InputOptions): Promise<InputDataset> {
  const read = async (path: string): Promise<Image> => decodeImage(await readBytes(path), path);
  const [firstPath = ""] = paths;
  const first = await read(firstPath);
  const wanted = channels ?? first.channels;
  const { width, height } = first;
  return {
    length: paths.length,
    shape: [wanted, height, width],
    names: paths.map((path) => basename(path)),
    getBatch: async (indices) => {
      const values = new Float32Array(indices.length * wanted * height * width);
      for (const [i, index] of indices.entries()) {
        const path = paths[index] ?? "";
        const image = withChannels(await read(path), wanted);
        if (image.width !== width || image.height !== height) throw otherSize(path, image, firstPath, first);
        putPlanes(image, values.subarray(i * wanted * height * width));
      }
      return [float32Tensor(values, [indices.length, wanted, height, width])];
    },
  };
}

/** Channel by channel, from 0 to 1, as torchvision's ToTensor has it. */
function putPlanes({ width, height, channels, pixels }: Image, to: Float32Array): void {
  const count = width * height;
  for (let i = 0; i < count; i += 1) {
    for (let c = 0; c < channels; c += 1) to[c * count + i] = (pixels[i * channels + c] ?? 0) / 255;
  }
}

function otherSize(path: string, image: Image, firstPath: string, first: Image): LtrainError {
  return new LtrainError(
    "data.malformed",
    `${path} is ${image.width} by ${image.height} pixels, and ${firstPath} is ${first.width} by ${first.height}`,
    { hint: "bring all images to one size first: magick mogrify -resize 28x28! *.png" },
  );
}
