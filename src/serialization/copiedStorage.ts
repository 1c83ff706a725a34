import { LtrainError } from "../errors.js";
import type { Storage } from "../storage/storedTensor.js";
import { hexChecksum } from "../zip/checksum.js";

/** Refuse a copy of all of a storage whose bytes do not have the checksum that its own file says. */
export function checkCopy(storage: Storage, crc32: number): void {
  if (storage.crc32 === undefined || storage.crc32 === crc32) return;
  throw new LtrainError(
    "checkpoint.malformed",
    `${storage.name ?? `a storage of ${storage.byteLength} bytes`} is damaged: ` +
      `its checksum is ${hexChecksum(crc32)}, and the file says ${hexChecksum(storage.crc32)}`,
    { hint: "compare the file with the original" },
  );
}
