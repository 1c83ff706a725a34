import { LtrainError } from "../errors.js";
import type { ByteSink } from "./byteSink.js";
import { systemError } from "./systemError.js";

/** Standard output as a sink of bytes; a reader that is slow slows the writer down, one that is gone ends him. */
export function standardOutput(): ByteSink {
  process.stdout.on("error", () => undefined); // each write is told of its own
  return {
    write: async (bytes) => {
      const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
        process.stdout.write(bytes, resolve);
      });
      if (error?.code === "EPIPE") {
        throw new LtrainError("io.failed", "cannot write standard output: its reader is gone (EPIPE)", {
          cause: error,
        });
      }
      if (error !== null && error !== undefined) throw systemError(error, "write", "standard output");
    },
  };
}
