import { atPath } from "../checkpoint/openCheckpoint.js";
import { readsBack } from "../checkpoint/readsBack.js";
import type { LoadedCheckpoint } from "../checkpoint/loadCheckpoint.js";
import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import { countParameters } from "../checkpoint/countParameters.js";
import { dumpStateDict } from "../checkpoint/dumpCheckpoint.js";
import type { Extraction } from "../checkpoint/extractCheckpoint.js";
import { extractStateDict } from "../checkpoint/extractCheckpoint.js";
import { LtrainError } from "../errors.js";
import { writeFileAtomically } from "../io/atomicFile.js";
import type { Terminal } from "../io/console.js";
import { readSafetensors, writeSafetensors } from "../serialization/safetensors.js";
import { torchLoad } from "../serialization/torchLoad.js";
import { torchSave } from "../serialization/torchSave.js";
import type { ExtractFormat, ExtractOutput } from "./extractOutput.js";
import { chooseOutput } from "./extractOutput.js";
import { locateCheckpoint } from "./locate.js";
import { jsonText, printable } from "./printable.js";
import { formatBytes, plural } from "./units.js";

/** What `ltrain extract` was asked for. */
export interface ExtractOptions {
  /** A file or folder; absent: the newest checkpoint of the runs under the current folder. */
  readonly ckpt?: string;
  readonly prefixes: readonly string[];
  readonly output?: string;
  readonly stripPrefix: boolean;
  readonly format?: string;
  readonly force: boolean;
  readonly json: boolean;
}

/** `ltrain extract`: the weights of one module out of a checkpoint, as a file of their own. */
export async function runExtract(options: ExtractOptions, terminal: Terminal): Promise<number> {
  const { prefixes } = options;
  if (prefixes.length === 0) {
    throw new LtrainError("usage.invalid", "extract needs --prefix", {
      hint: "for example --prefix encoder. ; `ltrain inspect --keys` shows the keys",
    });
  }
  const { path: input } = await locateCheckpoint(options.ckpt ?? ".", terminal);
  const loaded = await loadCheckpoint(input);
  try {
    const extraction = extractStateDict(loaded.checkpoint.stateDict, options);
    const output = await chooseOutput({
      input,
      prefixes,
      output: options.output,
      format: options.format,
      force: options.force,
    });
    await write(output, extraction, input);
    report({ options, loaded, extraction, output }, terminal);
  } finally {
    await loaded.close();
  }
  return 0;
}

/** Tensors are read while they are written: damage is found only here, and it is the input's. */
async function write(output: ExtractOutput, extraction: Extraction, input: string): Promise<void> {
  try {
    await WRITERS[output.format](output.path, extraction);
  } catch (error) {
    throw atPath(input, error);
  }
}

const WRITERS: Readonly<Record<ExtractFormat, (path: string, extraction: Extraction) => Promise<void>>> = {
  pt: (path, { stateDict }) =>
    writeFileAtomically(path, (sink) => torchSave(dumpStateDict(stateDict), sink, { prefix: "archive" }), {
      verify: readsBack(path, torchLoad),
    }),
  safetensors: (path, { stateDict }) =>
    writeFileAtomically(path, (sink) => writeSafetensors(stateDict.tensors, sink), {
      verify: readsBack(path, readSafetensors),
    }),
};

interface Done {
  readonly options: ExtractOptions;
  readonly loaded: LoadedCheckpoint;
  readonly extraction: Extraction;
  readonly output: ExtractOutput;
}

function report({ options, loaded, extraction, output }: Done, terminal: Terminal): void {
  const { tensors, extraState } = extraction.stateDict;
  const count = countParameters(tensors);
  if (options.json) {
    const summary = {
      input: loaded.path,
      output: output.path,
      format: output.format,
      prefixes: options.prefixes,
      strip_prefix: options.stripPrefix,
      parameters: count.parameters,
      bytes: count.bytes,
      tensors: [...tensors].map(([name, tensor]) => ({
        name,
        source: extraction.sources.get(name) ?? name,
        dtype: tensor.dtype,
        shape: [...tensor.shape],
        bytes: tensor.byteLength,
      })),
    };
    terminal.stdout.write(`${jsonText(summary, 2)}\n`);
    return;
  }
  const size = `${plural(tensors.size, "tensor")}, ${plural(count.parameters, "parameter")}, ${formatBytes(count.bytes)}`;
  const prefixes = options.prefixes.filter((prefix) => prefix !== "").join(", ");
  terminal.stdout.write(`${printable(`wrote ${output.path}: ${size}`)}\n`);
  terminal.stdout.write(
    printable(
      prefixes === ""
        ? "names: as they are"
        : options.stripPrefix
          ? `names: without the prefix ${prefixes}`
          : `names: kept, with the prefix ${prefixes} (--strip-prefix takes it off)`,
    ) + "\n",
  );
  if (output.format !== "safetensors") return;
  if (count.sharedNames.length > 0) {
    const shared = plural(count.sharedNames.length, "shared tensor");
    terminal.stderr.write(`note: safetensors shares no memory; ${shared} written for each name\n`);
  }
  if (extraState !== undefined) {
    const names = printable([...extraState.keys()].join(", "));
    terminal.stderr.write(`warning: safetensors holds tensors only; left out: ${names}\n`);
  }
}
