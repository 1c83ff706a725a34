import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A folder with MNIST's four files, `train` and `test` images of 28x28; pixel p of image i is (7 i + 3 p) mod 256, its label i mod 10. */
export async function writeTinyMnist(folder: string, train: number, test: number): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, count] of [
    ["train", train],
    ["t10k", test],
  ] as const) {
    await writeFile(join(folder, `${name}-images-idx3-ubyte`), images(count));
    await writeFile(join(folder, `${name}-labels-idx1-ubyte`), labels(count));
  }
  return folder;
}

const PIXELS = 28 * 28;

function images(count: number): Uint8Array {
  const bytes = new Uint8Array(16 + count * PIXELS);
  header(bytes, 0x803, count, 28, 28);
  for (let i = 0; i < count; i += 1) for (let p = 0; p < PIXELS; p += 1) bytes[16 + i * PIXELS + p] = 7 * i + 3 * p;
  return bytes;
}

function labels(count: number): Uint8Array {
  const bytes = new Uint8Array(8 + count);
  header(bytes, 0x801, count);
  for (let i = 0; i < count; i += 1) bytes[8 + i] = i % 10;
  return bytes;
}

function header(bytes: Uint8Array, ...words: readonly number[]): void {
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setUint32(4 * i, word);
  });
}
