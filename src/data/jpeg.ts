import { decode } from "jpeg-js";
import { LtrainError } from "../errors.js";
import type { Image } from "./pixels.js";
import { MAX_PIXELS } from "./pixels.js";

/** Markers that begin a frame: baseline and progressive ones are read, what follows is for complaints. */
const FRAMES: Readonly<Record<number, string>> = {
  0xc3: "lossless",
  0xc5: "differential",
  0xc6: "differential",
  0xc7: "lossless and differential",
  0xc9: "arithmetically coded",
  0xca: "arithmetically coded",
  0xcb: "arithmetically coded",
  0xcd: "arithmetically coded",
  0xce: "arithmetically coded",
  0xcf: "arithmetically coded",
};
const READ = [0xc0, 0xc1, 0xc2];
/** Decoding takes this much for every pixel at most, coefficients and all. */
const MAX_BYTES_OF_PIXEL = 64;

/**
 * A JPEG image, baseline or progressive, as bytes: grey of one component, colour of three or of CMYK. As Pillow opens it,
 * it is not turned by what its EXIF says.
 */
export function decodeJpeg(bytes: Uint8Array, name: string): Image {
  const { width, height, components } = readFrame(bytes, name);
  if (width < 1 || height < 1 || width * height > MAX_PIXELS) throw damaged(name, `it is ${width} by ${height} pixels`);
  const megapixels = Math.ceil((width * height) / 1e6);
  const pixels = decodePixels(bytes, name, megapixels);
  if (components !== 1) return { width, height, channels: 3, pixels };
  return {
    width,
    height,
    channels: 1,
    pixels: Uint8Array.from({ length: width * height }, (_, i) => pixels[3 * i] ?? 0),
  };
}

function decodePixels(bytes: Uint8Array, name: string, megapixels: number): Uint8Array {
  try {
    const { data } = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: megapixels,
      maxMemoryUsageInMB: 64 + megapixels * MAX_BYTES_OF_PIXEL,
    });
    return data;
  } catch (cause) {
    throw damaged(name, cause instanceof Error ? cause.message : String(cause));
  }
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: number;
}

/** What the frame header says (ITU-T T.81, B.2.2): it comes before the first scan. */
function readFrame(bytes: Uint8Array, name: string): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 4 <= bytes.byteLength;) {
    if (view.getUint8(at) !== 0xff) throw damaged(name, `there is no marker at byte ${at}`);
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // markers may have fill bytes in front
      continue;
    }
    if (marker === 0xda || marker === 0xd9) break; // a scan, or the end
    const kind = FRAMES[marker];
    if (kind !== undefined) {
      throw new LtrainError("data.malformed", `${name}: a JPEG image that is ${kind}, which is not read`, {
        hint: "save it as a usual JPEG or PNG image first: magick mogrify -format png FILE",
      });
    }
    if (READ.includes(marker)) {
      if (at + 10 > bytes.byteLength) break;
      if (view.getUint8(at + 4) !== 8) throw damaged(name, `its samples have ${view.getUint8(at + 4)} bits, not 8`);
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: view.getUint8(at + 9) };
    }
    at += 2 + view.getUint16(at + 2);
  }
  throw damaged(name, `it has no frame before byte ${bytes.byteLength}`);
}

function damaged(name: string, what: string): LtrainError {
  return new LtrainError("data.malformed", `${name}: a damaged JPEG image: ${what}`);
}
