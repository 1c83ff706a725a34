import { LtrainError } from "../errors.js";
import { statusOf } from "../io/textFile.js";

/** Refuse a name that is taken, unless what is there is to be replaced. */
export async function refuseExisting(path: string, force: boolean): Promise<void> {
  if (!force && (await statusOf(path)) !== undefined) {
    throw new LtrainError("output.refused", `${path} exists already`, {
      hint: "give another name with -o, or replace it with --force",
    });
  }
}

/** Write a file atomically; one that is there already is replaced only when that was asked for. */
export async function writeNewFile(path: string, bytes: Uint8Array, force: boolean): Promise<void> {
  await refuseExisting(path, force);
  const { writeFileAtomically } = await import("../io/atomicFile.js"); // who only reads loads no writer
  await writeFileAtomically(path, (sink) => sink.write(bytes));
}
