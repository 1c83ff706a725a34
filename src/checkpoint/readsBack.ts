import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";

/** A check for writeFileAtomically: what was just written at `path` must open with `read` before it takes its name. */
export function readsBack(
  path: string,
  read: (source: ByteSource) => Promise<unknown>,
): (source: ByteSource) => Promise<void> {
  return async (source) => {
    try {
      await read(source);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new LtrainError("io.failed", `${path} does not read back as it was written: ${reason}`, { cause: error });
    }
  };
}
