/** One record of a zip archive; its bytes are read when asked for. */
export interface ZipEntry {
  readonly name: string;
  readonly method: "stored" | "deflated" | "unsupported";
  /** null when the writer left out all checksums. */
  readonly crc32: number | null;
  readonly byteLength: number;
  readonly compressedLength: number;
  /** Bytes `start..end` of the content; when that is all of it, its checksum is verified. */
  read(start: number, end: number): Promise<Uint8Array>;
}
