import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage, withChannels } from "../../src/data/image.js";
import { openInput, reshaped } from "../../src/data/inputFile.js";
import { float32Values } from "../../src/storage/hostTensor.js";

interface Truth {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: readonly number[];
  /** Converted to grey. */
  readonly grey: readonly number[];
}
const folder = fileURLToPath(new URL("../fixtures/images/", import.meta.url));
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
/** What Pillow read in every image (fixtures/make-images.py). */
const PILLOW = JSON.parse(readFileSync(join(folder, "images.json"), "utf8")) as Readonly<Record<string, Truth>>;

test.each(Object.keys(PILLOW))("%s has the pixels that Pillow reads in it", (name) => {
  const truth = PILLOW[name];
  const image = decodeImage(bytesOf(name), name);
  expect({ ...image, pixels: [...image.pixels] }).toEqual({
    width: truth?.width,
    height: truth?.height,
    channels: truth?.channels,
    pixels: truth?.pixels,
  });
  expect([...withChannels(image, 1).pixels]).toEqual(truth?.grey);
  const [first = 0, second = 0] = withChannels(withChannels(image, 1), 3).pixels;
  expect([first, second]).toEqual([truth?.grey[0], truth?.grey[0]]);
});

describe("a damaged image is an error that says where", () => {
  const grey = bytesOf("grey.png");
  const changed = (at: number, value: number): Uint8Array => {
    const copy = grey.slice();
    copy[at] = value;
    return copy;
  };
  test.each<[string, Uint8Array, RegExp]>([
    [
      "a wrong checksum",
      changed(20, 99),
      /x.png: a damaged PNG image: the checksum of its IHDR chunk at byte 8 is wrong/,
    ],
    [
      "a file that is cut short",
      grey.slice(0, grey.length - 20),
      /x.png: a damaged PNG image: .*(cut short|before its end chunk)/,
    ],
    ["what is no PNG image", changed(1, 0), /x.png: a damaged PNG image: it does not begin as a PNG image does/],
    ["something else", Uint8Array.of(1, 2, 3), /x.png: not an image that is known here/],
    ["nothing", Uint8Array.of(), /x.png: not an image that is known here/],
    [
      "a PGM image that is cut short",
      bytesOf("noise.pgm").slice(0, 50),
      /x.png: 13 by 9 pixels take 117 bytes, there are \d+/,
    ],
    ["a PGM image of 16 bits", Buffer.from("P5 1 1 65535 ab"), /x.png: its largest value is 65535/],
    ["a bomb", Buffer.from("P5 999999 999999 255 "), /x.png: an image of 999999 by 999999 pixels/],
  ])("%s", (_what, bytes, message) => {
    expect(() => decodeImage(bytes, "x.png")).toThrow(message);
  });
});

test("images of one size are batches [n, channels, height, width] from 0 to 1, as torchvision's ToTensor makes them", async () => {
  const input = await openInput(join(folder, "filters-colour.png"));
  expect([input.length, input.shape, input.names]).toEqual([1, [3, 9, 13], ["filters-colour.png"]]);
  const [batch] = await input.getBatch([0]);
  const { pixels = [] } = PILLOW["filters-colour.png"] ?? {};
  expect(batch.shape).toEqual([1, 3, 9, 13]);
  const green = float32Values(batch).slice(117, 234);
  expect([...green]).toEqual(Array.from({ length: 117 }, (_, i) => Math.fround((pixels[3 * i + 1] ?? 0) / 255)));
  const [flat] = await reshaped(await openInput(join(folder, "grey.png")), [117]).getBatch([0, 0]);
  expect(flat.shape).toEqual([2, 117]);
});

test("all images of a folder are read with as many channels as the first has, in the order of their names", async () => {
  const input = await openInput(folder);
  expect(input.names).toEqual(Object.keys(PILLOW));
  expect(input.shape).toEqual([3, 9, 13]); // colour-alpha.png is the first
  const [batch] = await input.getBatch(Array.from({ length: input.length }, (_, i) => i));
  expect(batch.shape).toEqual([input.length, 3, 9, 13]);
});
