import { crc32, deflateSync } from "node:zlib";

/** A point in pixels. */
export type Place = readonly [x: number, y: number];

/** A picture of pixels that lines are drawn on. */
export class Raster {
  readonly width: number;
  readonly height: number;
  readonly #pixels: Uint8Array;
  /** How much of each pixel the line under way covers: where it meets itself it is no darker. */
  readonly #cover: Float32Array;

  constructor(width: number, height: number, ground: string) {
    this.width = width;
    this.height = height;
    this.#cover = new Float32Array(width * height);
    this.#pixels = new Uint8Array(width * height * 3);
    const [red, green, blue] = rgbOf(ground);
    for (let i = 0; i < this.#pixels.length; i += 3) this.#pixels.set([red, green, blue], i);
  }

  /** Draw lines with round ends, `thickness` pixels wide; places need not be inside the picture. */
  strokes(lines: readonly (readonly Place[])[], color: string, thickness: number, opacity = 1): void {
    const touched = new Set<number>();
    for (const line of lines) {
      for (const [i, place] of line.entries()) this.#segment(line[i - 1] ?? place, place, thickness / 2, touched);
    }
    const ink = rgbOf(color);
    for (const pixel of touched) {
      const part = (this.#cover[pixel] ?? 0) * opacity;
      this.#cover[pixel] = 0;
      for (const [channel, value] of ink.entries()) {
        const at = 3 * pixel + channel;
        this.#pixels[at] = Math.round((this.#pixels[at] ?? 0) * (1 - part) + value * part);
      }
    }
  }

  /** The picture as a PNG file (PNG specification, 3rd edition): 8 bits of red, green and blue. */
  png(): Uint8Array {
    const header = new Uint8Array(13);
    const view = new DataView(header.buffer);
    view.setUint32(0, this.width);
    view.setUint32(4, this.height);
    header.set([8, 2], 8); // bits of a channel, and truecolour
    const stride = 3 * this.width;
    const rows = new Uint8Array((stride + 1) * this.height); // each row begins with its filter: 0, none
    for (let y = 0; y < this.height; y += 1) {
      rows.set(this.#pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
    }
    const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
    const chunks = [chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", new Uint8Array(0))];
    return new Uint8Array(Buffer.concat([signature, ...chunks]));
  }

  /** Cover the pixels near a segment: by how much of a pixel's breadth its middle lies within the line. */
  #segment([x0, y0]: Place, [x1, y1]: Place, radius: number, touched: Set<number>): void {
    const reach = radius + 1;
    const [left, right] = [
      Math.max(Math.floor(Math.min(x0, x1) - reach), 0),
      Math.min(Math.ceil(Math.max(x0, x1) + reach), this.width - 1),
    ];
    const [top, bottom] = [
      Math.max(Math.floor(Math.min(y0, y1) - reach), 0),
      Math.min(Math.ceil(Math.max(y0, y1) + reach), this.height - 1),
    ];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length = dx * dx + dy * dy;
    for (let y = top; y <= bottom; y += 1) {
      for (let x = left; x <= right; x += 1) {
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const along = length === 0 ? 0 : Math.min(Math.max((px * dx + py * dy) / length, 0), 1);
        const cover = Math.min(Math.max(radius + 0.5 - Math.hypot(px - along * dx, py - along * dy), 0), 1);
        const pixel = y * this.width + x;
        if (cover <= (this.#cover[pixel] ?? 0)) continue;
        this.#cover[pixel] = cover;
        touched.add(pixel);
      }
    }
  }
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.byteLength + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.byteLength);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.byteLength, crc32(bytes.subarray(4, 8 + data.byteLength)));
  return bytes;
}

/** The bytes of "#rrggbb". */
function rgbOf(color: string): readonly [number, number, number] {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}
