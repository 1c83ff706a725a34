import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Give `use` a folder that holds one file, and remove the folder afterwards. Synchronous and outside FileOperations:
 * it is for native libraries that take a path where bytes would do, and nothing of the user's is in it.
 */
export function withTemporaryFile<Result>(name: string, bytes: Uint8Array, use: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-"));
  try {
    writeFileSync(join(folder, name), bytes, { mode: 0o600 });
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
