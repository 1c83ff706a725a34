import { atPath } from "../checkpoint/openCheckpoint.js";
import { readsBack } from "../checkpoint/readsBack.js";
import { LtrainError } from "../errors.js";
import { writeFileAtomically } from "../io/atomicFile.js";
import type { ByteSink } from "../io/byteSink.js";
import type { ByteSource } from "../io/byteSource.js";
import type { Terminal } from "../io/console.js";
import { standardOutput } from "../io/standardOutput.js";
import type { PyValue } from "../pickle/values.js";
import type { StoredTensor } from "../storage/storedTensor.js";
import type { OutputFile } from "./outputFile.js";
import { STANDARD_OUTPUT } from "./outputFile.js";

/** What is written: a whole tree in torch's container, or named tensors. */
export type Payload =
  | { readonly kind: "tree"; readonly root: PyValue }
  | {
      readonly kind: "tensors";
      readonly format: "safetensors" | "npz";
      readonly tensors: ReadonlyMap<string, StoredTensor>;
      readonly metadata?: ReadonlyMap<string, string>;
    };

/** One way to write, and to see that what was written can be read. */
interface Writer {
  readonly write: (sink: ByteSink) => Promise<void>;
  readonly read: (source: ByteSource) => Promise<unknown>;
}

/**
 * Write a payload to its place and say how many bytes it took. Tensors are read while they are written: damage is found
 * only then, and it is the input's. A file that replaces another is on the disk before the other is given up; a new one
 * is as durable as what cp leaves, for its source is still there.
 */
export async function writeOutput(
  output: OutputFile,
  payload: Payload,
  input: string,
  terminal: Terminal,
): Promise<number> {
  const { write, read } = await writerOf(payload);
  let byteLength = 0;
  const counted = (sink: ByteSink): Promise<void> =>
    write({
      write: (bytes) => {
        byteLength += bytes.byteLength;
        return sink.write(bytes);
      },
    });
  try {
    if (output.path === STANDARD_OUTPUT) await counted(pipe(terminal));
    else {
      const verify = readsBack(output.path, read);
      await writeFileAtomically(output.path, counted, { verify, durable: output.replaces });
    }
  } catch (error) {
    throw atPath(input, error);
  }
  return byteLength;
}

function pipe(terminal: Terminal): ByteSink {
  if (!terminal.stdout.isTTY) return standardOutput();
  throw new LtrainError("usage.invalid", "-o - writes a file to standard output, and that is a terminal", {
    hint: "pipe it into another program, or name a file",
  });
}

/** Writers are loaded when they are needed. */
async function writerOf(payload: Payload): Promise<Writer> {
  if (payload.kind === "tree") {
    const [{ torchSave }, { torchLoad }] = await Promise.all([
      import("../serialization/torchSave.js"),
      import("../serialization/torchLoad.js"),
    ]);
    return { write: (sink) => torchSave(payload.root, sink, { prefix: "archive" }), read: torchLoad };
  }
  if (payload.format === "npz") {
    const [{ writeNpz }, { readNpzFile }] = await Promise.all([
      import("../serialization/npzWriter.js"),
      import("../serialization/npzReader.js"),
    ]);
    return { write: (sink) => writeNpz(payload.tensors, sink), read: readNpzFile };
  }
  const { readSafetensors, writeSafetensors } = await import("../serialization/safetensors.js");
  return { write: (sink) => writeSafetensors(payload.tensors, sink, payload.metadata), read: readSafetensors };
}
