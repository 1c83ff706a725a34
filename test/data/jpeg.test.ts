import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage } from "../../src/data/image.js";
import { openInput } from "../../src/data/inputFile.js";
import { float32Values } from "../../src/storage/hostTensor.js";

interface Truth {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: readonly number[];
}
const folder = fileURLToPath(new URL("../fixtures/images/jpeg/", import.meta.url));
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
/** What Pillow read in every image (fixtures/make-jpeg.py). */
const PILLOW = JSON.parse(readFileSync(join(folder, "images.json"), "utf8")) as Readonly<Record<string, Truth>>;

const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
/** Y of JFIF's YCbCr. */
const light = (pixels: ArrayLike<number>): number[] =>
  Array.from({ length: pixels.length / 3 }, (_, i) => {
    const [red = 0, green = 0, blue = 0] = [pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]];
    return 0.299 * red + 0.587 * green + 0.114 * blue;
  });

test.each(Object.entries(PILLOW))("%s has the pixels that Pillow reads in it, but for rounding", (name, truth) => {
  const image = decodeImage(bytesOf(name), name);
  const { width, height, channels } = image;
  expect({ width, height, channels }).toEqual({ width: truth.width, height: truth.height, channels: truth.channels });
  expect(image.pixels.length).toBe(truth.pixels.length);
  const isHalved = name === "colour-420.jpg";
  // Colours kept at half the size are made whole by repeating them here, and smoothly by libjpeg: the light is the same,
  // and so is each channel as a whole.
  const ours = isHalved ? light(image.pixels) : [...image.pixels];
  const theirs = isHalved ? light(truth.pixels) : truth.pixels;
  const differences = theirs.map((value, i) => Math.abs(value - (ours[i] ?? Number.NaN)));
  expect(mean(differences)).toBeLessThan(0.6);
  expect(Math.max(...differences)).toBeLessThanOrEqual(isHalved ? 6 : 3); // a colour that leaves 0 to 255 is cut off
  for (let c = 0; c < channels; c += 1) {
    const channel = (pixels: ArrayLike<number>): number[] => Array.from(pixels).filter((_, i) => i % channels === c);
    expect(Math.abs(mean(channel(image.pixels)) - mean(channel(truth.pixels)))).toBeLessThan(1);
  }
});

describe("a JPEG image that cannot be read is an error that says why", () => {
  const grey = bytesOf("grey.jpg");
  const frame = grey.findIndex((byte, i) => byte === 0xff && grey[i + 1] === 0xc0);
  const changed = (at: number, ...values: readonly number[]): Uint8Array => {
    const copy = grey.slice();
    copy.set(values, at);
    return copy;
  };
  test.each<[string, Uint8Array, RegExp]>([
    ["one that ends in its header", grey.slice(0, 30), /x\.jpg: a damaged JPEG image: it has no frame before byte 30/],
    ["one that ends in its pixels", grey.slice(0, -40), /x\.jpg: a damaged JPEG image: /],
    ["no pixels", changed(frame + 5, 0, 0), /x\.jpg: a damaged JPEG image: it is 30 by 0 pixels/],
    ["a bomb", changed(frame + 5, 0xff, 0xff, 0xff, 0xff), /x\.jpg: a damaged JPEG image: it is 65535 by 65535 pixels/],
    ["12 bits", changed(frame + 4, 12), /x\.jpg: a damaged JPEG image: its samples have 12 bits, not 8/],
    ["arithmetic coding", changed(frame + 1, 0xc9), /x\.jpg: a JPEG image that is arithmetically coded/],
    ["no marker", changed(2, 0), /x\.jpg: a damaged JPEG image: there is no marker at byte 2/],
  ])("%s", (_, bytes, message) => {
    expect(() => decodeImage(bytes, "x.jpg")).toThrow(message);
  });
});

test("a folder of JPEG images is an input, in the order of their names", async () => {
  const images = await mkdtemp(join(tmpdir(), "ltrain-jpeg-"));
  try {
    for (const name of ["progressive.jpg", "colour-444.jpg"]) await copyFile(join(folder, name), join(images, name));
    await copyFile(join(folder, "grey.jpg"), join(images, "z.JPEG"));
    const input = await openInput(images);
    expect(input.names).toEqual(["colour-444.jpg", "progressive.jpg", "z.JPEG"]);
    expect(input.shape).toEqual([3, 21, 30]);
    const [batch] = await input.getBatch([0, 2]);
    expect(batch.shape).toEqual([2, 3, 21, 30]);
    const values = float32Values(batch);
    const first = decodeImage(new Uint8Array(await readFile(join(images, "colour-444.jpg"))), "");
    expect(values[0]).toBeCloseTo((first.pixels[0] ?? 0) / 255, 6);
    expect(values[21 * 30]).toBeCloseTo((first.pixels[1] ?? 0) / 255, 6); // the second plane is green
  } finally {
    await rm(images, { recursive: true });
  }
});
