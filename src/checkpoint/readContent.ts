import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { PyDict } from "../pickle/values.js";
import type { PyGlobal, PyValue } from "../pickle/values.js";
import { detectFormat } from "../serialization/format.js";
import type { DetectedFormat, FileFormat, FolderFormat } from "../serialization/format.js";
import { readSafetensors } from "../serialization/safetensors.js";
import { torchLoad } from "../serialization/torchLoad.js";

/** What a file holds, or several that are one checkpoint, whatever their format. */
export interface FileContent {
  readonly format: FileFormat | FolderFormat;
  /** What torch.load would give; a safetensors or npz file is a dict of its tensors. */
  readonly root: PyValue;
  /** Every class and function the file names; none was called. */
  readonly globals: readonly PyGlobal[];
  /** Those of them that torch.load(weights_only=True) would refuse. */
  readonly foreignGlobals: readonly PyGlobal[];
  /** Opcodes of its pickle at which it would stop, whatever they name. */
  readonly refusedOpcodes?: readonly string[];
  /** safetensors' own strings; empty for other formats. */
  readonly metadata: ReadonlyMap<string, string>;
  /** What is in the file and not in the tree, in words: a TorchScript program's code. */
  readonly remarks: readonly string[];
}

/** The parts of FileContent that files without a pickle have nothing for. */
export const PLAIN_CONTENT = {
  globals: [],
  foreignGlobals: [],
  metadata: new Map<string, string>(),
  remarks: [],
} as const;

/** Names that promise a torch file. */
const TORCH_NAME = /\.(ckpt|pt|pth|bin|tar)$/i;
const PICKLE_NAME = /\.(pkl|pickle|p)$/i;

/** Read the structure of a file called `name`; nothing in it is run, and tensors stay where they are. */
export async function readContent(source: ByteSource, name: string): Promise<FileContent> {
  const detected = await detectFormat(source);
  checkName(name, detected);
  switch (detected.format) {
    case "safetensors": {
      const { tensors, metadata } = await readSafetensors(source);
      return { ...PLAIN_CONTENT, format: "safetensors", root: new PyDict(tensors), metadata };
    }
    case "npz": {
      const { readNpz, readNpzFile } = await import("../serialization/npzReader.js");
      const arrays = await (detected.archive === undefined ? readNpzFile(source) : readNpz(detected.archive));
      return { ...PLAIN_CONTENT, format: "npz", root: new PyDict(arrays) };
    }
    case "npy": {
      const { readNpyFile } = await import("../serialization/npzReader.js");
      return { ...PLAIN_CONTENT, format: "npy", root: await readNpyFile(source) };
    }
    case "pickle":
      if (PICKLE_NAME.test(name)) return readPickleFile(source);
  }
  const { value, format, globals, foreignGlobals, refusedOpcodes, remarks } = await torchLoad(source, detected);
  return {
    ...PLAIN_CONTENT,
    format,
    root: value,
    globals,
    foreignGlobals,
    remarks,
    ...(refusedOpcodes === undefined ? {} : { refusedOpcodes }),
  };
}

async function readPickleFile(source: ByteSource): Promise<FileContent> {
  const [{ readBarePickle }, { isWeightsOnlyGlobal }] = await Promise.all([
    import("../serialization/barePickle.js"),
    import("../serialization/weightsOnly.js"),
  ]);
  const { value, globals } = await readBarePickle(source);
  const foreignGlobals = globals.filter((global) => !isWeightsOnlyGlobal(global));
  return { ...PLAIN_CONTENT, format: "pickle", root: value, globals, foreignGlobals };
}

/** torch.load goes by a safetensors file's name, and nobody takes numpy's arrays for a checkpoint: a name that lies is no accident. */
function checkName(name: string, { format, description }: DetectedFormat): void {
  const isNumpy = format === "npz" || format === "npy";
  if (isNumpy && TORCH_NAME.test(name)) {
    throw new LtrainError("checkpoint.notACheckpoint", `this is ${description}, not a checkpoint`, {
      hint: `its arrays are shown when it is named .${format}`,
    });
  }
  if (/\.safetensors$/i.test(name) && format.startsWith("torch")) {
    throw new LtrainError("checkpoint.notACheckpoint", `this is ${description}, and is named .safetensors`, {
      hint: "name it .ckpt or .pt: torch.load goes by the name",
    });
  }
}
