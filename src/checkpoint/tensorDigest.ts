import { createHash } from "node:crypto";
import type { StoredTensor } from "../storage/storedTensor.js";
import { tensorChunks } from "../storage/tensorChunks.js";

/** SHA-256 of a tensor's elements as contiguous row-major little-endian bytes, in hex; `heard` is told of every piece. */
export async function tensorDigest(tensor: StoredTensor, heard?: (bytes: number) => void): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of tensorChunks(tensor)) {
    hash.update(bytes);
    heard?.(bytes.byteLength);
  }
  return hash.digest("hex");
}
