import { countParameters } from "../checkpoint/countParameters.js";
import type { Extraction } from "../checkpoint/extractCheckpoint.js";
import { isTensorFormat } from "../checkpoint/formatLimits.js";
import type { PlainNote } from "../checkpoint/plainTree.js";
import type { Terminal } from "../io/console.js";
import type { ExtractOptions } from "./extractOptions.js";
import type { OutputFile } from "./outputFile.js";
import { jsonDocument } from "./jsonWriter.js";
import { printable } from "./printable.js";
import { plainNotesJson, tellPlainNotes, tellTo } from "./rewriteReport.js";
import { renderTable } from "./table.js";
import { formatBytes, formatCount, plural } from "./units.js";

/** An extraction that was made, or would be. */
export interface Extracted {
  readonly options: ExtractOptions;
  readonly input: string;
  readonly output: OutputFile;
  readonly extraction: Extraction;
  readonly notes: readonly PlainNote[];
  readonly isTree: boolean;
  /** The tensors come from several levels: their names are paths. */
  readonly isNested: boolean;
  /** Of the file; undefined when nothing was written. */
  readonly byteLength: number | undefined;
}

/** Say what was written: on stdout, or on stderr when the file itself goes there. */
export async function reportExtraction(done: Extracted, terminal: Terminal): Promise<void> {
  const stream = tellTo(done.output, terminal);
  if (done.options.json) {
    stream.write(jsonDocument(extractionJson(done), 2));
    return;
  }
  const { output, extraction, isTree, byteLength } = done;
  const { tensors } = extraction.stateDict;
  const count = countParameters(tensors);
  const size = `${plural(tensors.size, "tensor")}, ${plural(count.parameters, "parameter")}, ${formatBytes(count.bytes)}`;
  const verb = byteLength === undefined ? "would write" : "wrote";
  if (byteLength === undefined) stream.write(`${await tensorTable(done, terminal)}\n`);
  stream.write(`${printable(`${verb} ${output.path === "-" ? "standard output" : output.path}: ${size}`)}\n`);
  stream.write(`${printable(isTree ? "as it stands in the file" : namesLine(done))}\n`);
  warn(done, count.sharedNames.length, terminal);
}

async function tensorTable({ extraction, options }: Extracted, terminal: Terminal): Promise<string> {
  const { stateDict, sources } = extraction;
  const isRenamed = [...sources].some(([name, source]) => name !== source);
  const rows = [...stateDict.tensors].map(([name, tensor]) => [
    name,
    ...(isRenamed ? [sources.get(name) ?? name] : []),
    tensor.dtype,
    `[${tensor.shape.join(", ")}]`,
    formatCount(tensor.numel),
    formatBytes(tensor.byteLength),
  ]);
  const first = isRenamed ? ["name", "in the file"] : ["name"];
  const head = [...first, "dtype", "shape", "parameters", "size"];
  const stream = options.output === "-" ? terminal.stderr : terminal.stdout;
  return renderTable({ head, rows, numeric: [head.length - 2, head.length - 1] }, stream);
}

/** What was done to the names, in the order in which it was done. */
function namesLine({ options, isNested }: Extracted): string {
  const prefixes = options.prefixes.filter((prefix) => prefix !== "").join(", ");
  const changes = [
    options.stripWrappers ? "without the wrappers of torch" : "",
    prefixes !== "" && options.stripPrefix ? `without the prefix ${prefixes}` : "",
    options.map === undefined ? "" : `by ${options.map}`,
    options.rename.length === 0 ? "" : `with ${options.rename.join(", ")}`,
    options.addPrefix === undefined || options.addPrefix === "" ? "" : `behind ${options.addPrefix}`,
  ].filter((change) => change !== "");
  if (changes.length > 0) return `names: ${changes.join(", ")}`;
  if (isNested) return "names: the keys on the way to each tensor, joined by dots";
  if (prefixes === "") return "names: as they are";
  return `names: kept, with the prefix ${prefixes} (--strip-prefix takes it off)`;
}

function warn({ output, extraction, notes }: Extracted, shared: number, terminal: Terminal): void {
  const { extraState } = extraction.stateDict;
  for (const glob of extraction.idle) {
    terminal.stderr.write(`warning: --exclude ${printable(glob)} fits no key\n`);
  }
  tellPlainNotes(notes, terminal);
  if (output.format === "ckpt") {
    terminal.stderr.write("note: without optimizers, schedulers and callbacks, as Lightning's save_weights_only\n");
  }
  if (isTensorFormat(output.format)) {
    if (shared > 0) {
      const names = plural(shared, "shared tensor");
      terminal.stderr.write(`note: ${output.format} shares no memory; ${names} written for each name\n`);
    }
    if (extraState !== undefined) {
      const names = printable([...extraState.keys()].join(", "));
      terminal.stderr.write(`warning: ${output.format} holds tensors only; left out: ${names}\n`);
    }
  }
}

function extractionJson({ options, input, output, extraction, notes, byteLength }: Extracted): object {
  const { tensors, extraState } = extraction.stateDict;
  const count = countParameters(tensors);
  const numbers = new Map<unknown, number>();
  for (const { storage } of tensors.values()) if (!numbers.has(storage)) numbers.set(storage, numbers.size);
  return {
    input,
    output: output.path,
    format: output.format,
    dry_run: options.dryRun,
    key: options.key ?? "state_dict",
    prefixes: options.prefixes,
    strip_prefix: options.stripPrefix,
    parameters: count.parameters,
    bytes: count.bytes,
    file_bytes: byteLength ?? null,
    tensors: [...tensors].map(([name, tensor]) => ({
      name,
      source: extraction.sources.get(name) ?? name,
      dtype: tensor.dtype,
      shape: [...tensor.shape],
      bytes: tensor.byteLength,
      storage: numbers.get(tensor.storage),
    })),
    left_out: isTensorFormat(output.format) ? [...(extraState?.keys() ?? [])] : [],
    made_plain: plainNotesJson(notes),
  };
}
