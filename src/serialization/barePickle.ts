import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import type { Rebuild, Unpickled } from "../pickle/unpickler.js";
import type { PyGlobal } from "../pickle/values.js";
import { storageFromBytes } from "./legacyLoad.js";
import { PickleStream } from "./pickleStream.js";
import { findTorchClass } from "./torchGlobals.js";

/** Read a file that is one pickle and nothing else, as `pickle.dump` writes it: nothing in it is ever run. */
export function readBarePickle(source: ByteSource): Promise<Unpickled> {
  return new PickleStream(source).next("pickle", { findClass });
}

/** Without torch.save a tensor's storage is a file of its own inside the pickle. */
function findClass(global: PyGlobal): Rebuild | undefined {
  if (global.toString() !== "torch.storage._load_from_bytes") return findTorchClass(global);
  return ([bytes]) => (bytes instanceof Uint8Array ? storageFromBytes(bytes) : undefined);
}

/** So many names are enough to know what a pickle is. */
const MAX_NAMED = 8;

/** Why a bare pickle is no checkpoint, with what it names: a file that would run something is told from a harmless one. */
export async function barePickleError(source: ByteSource): Promise<LtrainError> {
  let names: readonly string[] = [];
  try {
    names = (await readBarePickle(source)).globals.map(String);
  } catch (error) {
    if (!(error instanceof LtrainError)) throw error;
    return new LtrainError(error.code, `this is a bare pickle, not written by torch.save: ${error.message}`, {
      cause: error,
    });
  }
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
  const named = names.length === 0 ? "" : `; it names ${names.slice(0, MAX_NAMED).join(", ")}${more}`;
  return new LtrainError("checkpoint.unsupported", `this is a bare pickle, not written by torch.save${named}`, {
    hint: "a pickle named .pkl is shown as it is; for a checkpoint, load it in Python and write it with torch.save",
  });
}
