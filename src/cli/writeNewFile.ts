import { LtrainError } from "../errors.js";
import { statusOf } from "../io/textFile.js";

/** Write a file atomically; one that is there already is replaced only when that was asked for. */
export async function writeNewFile(path: string, bytes: Uint8Array, force: boolean): Promise<void> {
  if (!force && (await statusOf(path)) !== undefined) {
    throw new LtrainError("output.refused", `${path} exists already`, {
      hint: "give another name with -o, or replace it with --force",
    });
  }
  const { writeFileAtomically } = await import("../io/atomicFile.js"); // who only reads loads no writer
  await writeFileAtomically(path, (sink) => sink.write(bytes));
}
