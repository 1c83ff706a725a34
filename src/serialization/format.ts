import type { ByteSource } from "../io/byteSource.js";

/** The kinds of files that hold, or have held, checkpoints; "other" is everything else. */
export type FileFormat =
  "torch-zip" | "torchscript" | "torch-legacy" | "torch-tar" | "safetensors" | "npz" | "npy" | "other";

/** What a file is, by its bytes. */
export interface DetectedFormat {
  readonly format: FileFormat;
  /** What it really is, in words: "a PDF document". */
  readonly description: string;
}

/** What a file is, by its first bytes (and a zip archive's directory). */
export function detectFormat(_source: ByteSource): Promise<DetectedFormat> {
  throw new Error("not yet");
}
