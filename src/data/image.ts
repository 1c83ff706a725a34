import { LtrainError } from "../errors.js";
import { decodeJpeg } from "./jpeg.js";
import { decodeNetpbm } from "./netpbm.js";
import type { Image } from "./pixels.js";
import { decodePng } from "./png.js";

/** The files that are taken for images, by their extensions. */
export const IMAGE_EXTENSIONS: readonly string[] = [".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".pnm"];

/** The image in a file's bytes, by what they begin with: PNG, JPEG, or binary PGM and PPM. `name` is for complaints. */
export function decodeImage(bytes: Uint8Array, name: string): Image {
  const [first = 0, second = 0] = bytes;
  if (first === 0x89) return decodePng(bytes, name);
  if (first === 0x50 && (second === 0x35 || second === 0x36)) return decodeNetpbm(bytes, name);
  if (first === 0xff && second === 0xd8) return decodeJpeg(bytes, name);
  throw new LtrainError("data.malformed", `${name}: not an image that is known here`, {
    hint: "make it a PNG, JPEG, PGM or PPM file first: magick mogrify -format png FILE",
  });
}

/** The image with as many channels; grey is weighted as Pillow weights it (ITU-R 601-2). */
export function withChannels(image: Image, channels: 1 | 3): Image {
  if (image.channels === channels) return image;
  const { width, height, pixels } = image;
  const count = width * height;
  const converted = new Uint8Array(count * channels);
  for (let i = 0; i < count; i += 1) {
    if (channels === 3) converted.fill(pixels[i] ?? 0, 3 * i, 3 * i + 3);
    else {
      const [red = 0, green = 0, blue = 0] = pixels.subarray(3 * i, 3 * i + 3);
      converted[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    }
  }
  return { width, height, channels, pixels: converted };
}
