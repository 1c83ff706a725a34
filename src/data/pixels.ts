/** An image of bytes: row by row, the channels of a pixel beside each other. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1: grey; 3: red, green, blue. */
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array;
}

/** More pixels than this are no example to predict on, but a bomb. */
export const MAX_PIXELS = 2 ** 28;
