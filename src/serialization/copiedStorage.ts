import { LtrainError } from "../errors.js";
import type { Storage } from "../storage/storedTensor.js";
import { checksum, hexChecksum } from "../zip/checksum.js";

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

/** The same storage, which refuses its last piece when it was read from start to end and has another checksum. */
export function checkedStorage(storage: Storage): Storage {
  if (storage.crc32 === undefined) return storage;
  let [position, crc] = [0, 0];
  return {
    byteLength: storage.byteLength,
    name: storage.name,
    read: async (start, end) => {
      const bytes = await storage.read(start, end);
      if (start === 0) [position, crc] = [0, 0];
      if (start === position) [position, crc] = [end, checksum(bytes, crc)];
      if (position === storage.byteLength && end === position) checkCopy(storage, crc);
      return bytes;
    },
  };
}
