import { LtrainError } from "../errors.js";
import type { Image } from "./pixels.js";
import { MAX_PIXELS } from "./pixels.js";

/** Magic, width, height and largest value, with comments between them, and one white space before the pixels. */
const HEADER = /^P([56])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s/;
/** Real headers are some dozen bytes; comments may be longer. */
const MAX_HEADER_BYTES = 4096;

/** A binary PGM (grey) or PPM (colour) image of 8 bits. */
export function decodeNetpbm(bytes: Uint8Array, name: string): Image {
  const match = HEADER.exec(Buffer.from(bytes.subarray(0, MAX_HEADER_BYTES)).toString("latin1"));
  if (match === null) throw new LtrainError("data.malformed", `${name}: not a binary PGM or PPM image`);
  const [header, kind, ...sizes] = match;
  const [width = 0, height = 0, largest = 0] = sizes.map(Number);
  const channels = kind === "6" ? 3 : 1;
  if (width < 1 || height < 1 || width * height > MAX_PIXELS) {
    throw new LtrainError("data.malformed", `${name}: an image of ${width} by ${height} pixels`);
  }
  if (largest < 1 || largest > 255) {
    throw new LtrainError("data.malformed", `${name}: its largest value is ${largest}, and 8 bits hold 1 to 255`);
  }
  const size = width * height * channels;
  const present = bytes.byteLength - header.length;
  if (present < size) {
    throw new LtrainError(
      "data.malformed",
      `${name}: ${width} by ${height} pixels take ${size} bytes, there are ${present}`,
    );
  }
  const pixels = bytes.slice(header.length, header.length + size);
  if (largest < 255) for (let i = 0; i < size; i += 1) pixels[i] = halfToEven(((pixels[i] ?? 0) / largest) * 255);
  return { width, height, channels, pixels };
}

/** As Pillow rounds, which is Python's way. */
function halfToEven(value: number): number {
  const below = Math.floor(value);
  const isHalf = value - below === 0.5;
  return isHalf ? below + (below % 2) : Math.round(value);
}
