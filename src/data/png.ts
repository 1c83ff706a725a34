import { crc32, inflateSync } from "node:zlib";
import { LtrainError } from "../errors.js";
import type { Image } from "./pixels.js";
import { MAX_PIXELS } from "./pixels.js";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Samples of a pixel by colour type: grey, colour, palette, grey and alpha, colour and alpha. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const PALETTE = 3;
/** Bit depths that a colour type may have. */
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly color: number;
}

/**
 * A PNG image as bytes (PNG specification, third edition): grey or colour; a palette becomes colours, transparency is
 * left out, of 16 bits the upper 8 are kept.
 */
export function decodePng(bytes: Uint8Array, name: string): Image {
  const { header, palette, data } = readChunks(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), name);
  const { width, height, depth, color } = header;
  const samples = SAMPLES[color] ?? 1;
  const rowBytes = Math.ceil((width * samples * depth) / 8);
  const rows = unfilter(inflate(data, height * (rowBytes + 1), name), header, rowBytes, name);
  const channels = color === 0 || color === 4 ? 1 : 3;
  const pixels = new Uint8Array(width * height * channels);
  const sampleAt = reader(rows, depth, rowBytes);
  const scale = color === PALETTE || depth >= 8 ? 1 : 255 / (2 ** depth - 1);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const to = (y * width + x) * channels;
      if (color === PALETTE) {
        const entry = 3 * sampleAt(y, x);
        if (entry + 3 > palette.byteLength) throw damaged(name, "a pixel's colour is not in its palette");
        pixels.set(palette.subarray(entry, entry + 3), to);
        continue;
      }
      for (let c = 0; c < channels; c += 1) pixels[to + c] = sampleAt(y, x * samples + c) * scale;
    }
  }
  return { width, height, channels, pixels };
}

function readChunks(bytes: Buffer, name: string): { header: Header; palette: Uint8Array; data: Buffer } {
  if (!bytes.subarray(0, 8).equals(SIGNATURE)) throw damaged(name, "it does not begin as a PNG image does");
  let header: Header | undefined;
  let palette: Uint8Array = new Uint8Array();
  const data: Buffer[] = [];
  for (let at = 8; ;) {
    if (at + 12 > bytes.byteLength) throw damaged(name, `it ends at byte ${bytes.byteLength}, before its end chunk`);
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString("latin1", at + 4, at + 8);
    if (length > bytes.byteLength - at - 12) throw damaged(name, `its ${type} chunk at byte ${at} is cut short`);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== bytes.readUInt32BE(at + 8 + length)) {
      throw damaged(name, `the checksum of its ${type} chunk at byte ${at} is wrong`);
    }
    if (type === "IHDR") header = readHeader(body, name);
    else if (type === "PLTE") palette = body;
    else if (type === "IDAT") data.push(body);
    else if (type === "IEND") break;
    at += 12 + length;
  }
  if (header === undefined) throw damaged(name, "it has no header");
  return { header, palette, data: Buffer.concat(data) };
}

function readHeader(body: Buffer, name: string): Header {
  if (body.byteLength !== 13) throw damaged(name, `its header has ${body.byteLength} bytes, not 13`);
  const [width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)];
  const [depth = 0, color = 0, , , interlace = 0] = body.subarray(8);
  if (width < 1 || height < 1 || width * height > MAX_PIXELS) throw damaged(name, `it is ${width} by ${height} pixels`);
  if (DEPTHS[color]?.includes(depth) !== true) throw damaged(name, `colour type ${color} with ${depth} bits`);
  if (interlace === 0) return { width, height, depth, color };
  throw new LtrainError("data.malformed", `${name}: an interlaced PNG image, which is not read`, {
    hint: "save it without interlacing: magick mogrify -interlace none FILE",
  });
}

function inflate(data: Buffer, size: number, name: string): Buffer {
  let inflated: Buffer;
  try {
    inflated = inflateSync(data, { maxOutputLength: size });
  } catch (cause) {
    throw damaged(name, `its pixels cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (inflated.byteLength !== size)
    throw damaged(name, `its pixels take ${size} bytes, there are ${inflated.byteLength}`);
  return inflated;
}

/** Undo the filter that stands before every row. */
function unfilter(data: Buffer, { height, depth, color }: Header, rowBytes: number, name: string): Uint8Array {
  const step = Math.max(1, ((SAMPLES[color] ?? 1) * depth) / 8);
  const rows = new Uint8Array(height * rowBytes);
  for (let y = 0; y < height; y += 1) {
    const from = y * (rowBytes + 1);
    const to = y * rowBytes;
    const filter = data[from] ?? 0;
    if (filter > 4) throw damaged(name, `row ${y} has filter ${filter}`);
    for (let i = 0; i < rowBytes; i += 1) {
      const left = i < step ? 0 : (rows[to + i - step] ?? 0);
      const up = y === 0 ? 0 : (rows[to + i - rowBytes] ?? 0);
      const corner = i < step || y === 0 ? 0 : (rows[to + i - rowBytes - step] ?? 0);
      rows[to + i] = (data[from + 1 + i] ?? 0) + predicted(filter, left, up, corner);
    }
  }
  return rows;
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const estimate = left + up - corner;
  const [byLeft, byUp, byCorner] = [left, up, corner].map((value) => Math.abs(estimate - value));
  if ((byLeft ?? 0) <= (byUp ?? 0) && (byLeft ?? 0) <= (byCorner ?? 0)) return left;
  return (byUp ?? 0) <= (byCorner ?? 0) ? up : corner;
}

/** Gives sample `i` of row `y` as a byte, or what a smaller depth holds. */
function reader(rows: Uint8Array, depth: number, rowBytes: number): (y: number, i: number) => number {
  if (depth >= 8) return (y, i) => rows[y * rowBytes + (i * depth) / 8] ?? 0;
  const mask = 2 ** depth - 1;
  return (y, i) => {
    const bit = i * depth;
    return ((rows[y * rowBytes + (bit >> 3)] ?? 0) >> (8 - depth - (bit & 7))) & mask;
  };
}

function damaged(name: string, what: string): LtrainError {
  return new LtrainError("data.malformed", `${name}: a damaged PNG image: ${what}`);
}
